using System.Collections.Concurrent;
using OnnxMka.Isolation;

namespace OnnxMka.Fuzzer;

/// <summary>
/// Many cases, some hundred a child; where a child dies, the case that it was at is done again with a child process before it, as the tool
/// does it, and the rest goes on in another.
/// </summary>
internal sealed class FuzzRun(int first, int count)
{
    private const int BatchSize = 200;
    private const int Workers = 2;

    /// <summary>Managed memory of a child, in bytes: what a damaged number makes the tool allocate is a bug.</summary>
    private const long Heap = 512L << 20;

    /// <summary>A batch takes half a minute on a quiet machine; its cases have limits of their own.</summary>
    private static readonly TimeSpan LongestBatch = TimeSpan.FromHours(3);

    private readonly ConcurrentBag<CaseOutcome> _outcomes = [];
    private readonly ChildProgram _program = ChildProgram.Current! with
    {
        Environment = ChildProgram.Current.Environment.Add("DOTNET_GCHeapHardLimit", $"0x{Heap:X}"),
    };

    public IReadOnlyCollection<CaseOutcome> Run(CancellationToken ct)
    {
        var batches = Enumerable.Range(0, (count + BatchSize - 1) / BatchSize).Select(
            b => (First: first + (b * BatchSize), Count: Math.Min(BatchSize, count - (b * BatchSize))));
        Parallel.ForEach(
            batches, new ParallelOptions { MaxDegreeOfParallelism = Workers, CancellationToken = ct }, b => Batch(b.First, b.Count, ct));
        return [.. _outcomes];
    }

    private void Batch(int start, int size, CancellationToken ct)
    {
        var folder = Directory.CreateTempSubdirectory("onnx-mka-fuzz-").FullName;
        try
        {
            for (var (next, end) = (start, start + size); next < end;)
            {
                var (ended, died) = Child(next, end - next, folder, isolate: false, ct);
                foreach (var known in ended.Where(o => o.End != CaseEnd.Hung)) _outcomes.Add(known);
                died ??= ended.Find(o => o.End == CaseEnd.Hung);
                if (died is not null) _outcomes.Add(Again(died, folder, ct));
                next = (died ?? ended[^1]).Seed + 1;
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>How the tool takes what ends the process or does not end.</summary>
    private CaseOutcome Again(CaseOutcome died, string folder, CancellationToken ct)
    {
        if (FuzzCase.IsOperator(died.Seed)) return died with { End = CaseEnd.Kernel };
        var (ended, again) = Child(died.Seed, 1, folder, isolate: true, ct);
        if (again is not null) return again with { End = CaseEnd.Escaped };
        return ended[0].End == CaseEnd.Refused
            ? ended[0] with { End = CaseEnd.Contained, Detail = $"{died.Detail}, {ended[0].Detail}" }
            : ended[0];
    }

    /// <summary>Cases that came to an end, and the one that the process ended at.</summary>
    private (List<CaseOutcome> Ended, CaseOutcome? Died) Child(int seed, int cases, string folder, bool isolate, CancellationToken ct)
    {
        var journal = Path.Combine(folder, $"{seed}.{isolate}.journal");
        var outcome = ChildProbe.Run(_program, [CaseBatch.Verb, $"{seed}", $"{cases}", folder, journal, $"{isolate}"], LongestBatch, ct);
        var (ended, begun) = Journal.Read(journal);
        if (outcome.End == ChildEnd.Answered || begun is not { } died) return (ended, null);
        return (ended, new CaseOutcome(died, CaseEnd.Escaped, outcome.Text + Words(outcome.Errors)));
    }

    /// <summary>What the C++ library says before it aborts; what came before that is of other cases.</summary>
    private static string Words(string errors) =>
        errors.LastIndexOf("terminate called", StringComparison.Ordinal) is >= 0 and var start
            ? $", {errors[start..].Trim().ReplaceLineEndings(" ")}"
            : "";
}
