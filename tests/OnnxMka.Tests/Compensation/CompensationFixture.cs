using System.Text.Json;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Measuring;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Compensation;

/// <summary>What the oracle was made with: six windows to fit on, two to measure, blocks 6, 7, 9 and 10 dropped.</summary>
internal static class CompensationFixture
{
    public static int[] Removed { get; } = [6, 7, 9, 10];

    public static CalibrationSet Fit { get; } = Windows(0, 6);

    public static CalibrationSet Test { get; } = Windows(6, 2);

    public static JsonElement Oracle { get; } = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Books16.Root, "tests", "OnnxMka.Tests", "Compensation", "oracle.json"))).RootElement;

    public static BlockChain Chain(BlockMap map) => BlockChain.Of(map, ExecutionTarget.Cpu);

    public static CalibrationSet Windows(int first, int count) => new([.. ReferenceFile.Instance.Windows.Skip(first).Take(count)], 128, "reference windows", "");

    private static readonly System.Collections.Concurrent.ConcurrentBag<ScratchFile> Files = [];

    static CompensationFixture() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (var file in Files) file.Dispose();
    };

    /// <summary>One more file for corrected weights, which goes with the process.</summary>
    public static ScratchFile Scratch()
    {
        var scratch = new ScratchFile();
        Files.Add(scratch);
        return scratch;
    }

    /// <summary>The dropped model, corrected.</summary>
    public static (RewrittenModel Model, IReadOnlyList<CompensationStep> Steps) Run(BlockMap map, CompensationOptions options, CalibrationSplit? split = null, int batch = 8, params int[] removed)
    {
        var plan = MergePlanner.Plan(map, null, new PlanOptions { Method = Method.Drop, Named = [.. removed.Length > 0 ? removed : Removed] }, "");
        using var seams = SplitSeams.Of(Chain(map), split ?? new CalibrationSplit(Fit, null));
        var (model, steps) = Compensator.Run(ModelRewriter.Apply(map, plan), plan, seams, options, new ChainOptions { BatchSize = batch }, ExecutionTarget.Cpu, Scratch());
        return (model, steps);
    }

    public static double Perplexity(RewrittenModel model) =>
        OnnxMka.Measuring.Perplexity.Measure(Runners.Whole(8), model.Blocks, Test).Value;

    public static CompensationOptions Options(CompensationKind kind) => new() { Kind = kind };
}
