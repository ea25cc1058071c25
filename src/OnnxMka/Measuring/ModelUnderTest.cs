using System.Diagnostics;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Measuring;

/// <summary>A loaded model that counts the tokens it reads and the time that takes.</summary>
internal sealed class ModelUnderTest : IDisposable
{
    private readonly BlockMap _map;
    private readonly DecoderSession _session;
    private readonly Stopwatch _clock = new();

    public ModelUnderTest(BlockMap map, ExecutionTarget target)
    {
        _map = map;
        _session = DecoderSession.Load(map, target);
    }

    public long TokensRead { get; private set; }

    public double Seconds => _clock.Elapsed.TotalSeconds;

    public bool HasCache => _session.Ports.HasCache;

    /// <summary>The cache serves what it is for; else every text is run whole.</summary>
    public bool Steps => _session.Steps;

    /// <summary>Logits of one sequence, [length, vocabulary].</summary>
    public float[] Logits(int[] ids)
    {
        var logits = Timed(ids.Length, ids, () => _session.Logits(ids, 1));
        NextTokenScores.Check(_map, logits.Length / ids.Length, ids.Max());
        return logits;
    }

    /// <summary>
    /// Log likelihood of each continuation behind the same beginning, in nats, and whether greedy decoding would write it. The
    /// beginning is read once: its KV cache serves all of them.
    /// </summary>
    public (double LogLikelihood, bool IsGreedy)[] Continue(int[] prefix, IReadOnlyList<int[]> continuations)
    {
        if (!Steps) return [.. continuations.Select(c => Score(Logits([.. prefix, .. c[..^1]]).AsSpan(), prefix.Length + c.Length - 1, c))];
        _session.Restart();
        var last = Timed(prefix.Length, prefix, () => _session.StepToLast(prefix));
        NextTokenScores.Check(_map, last.Length, continuations.Max(c => c.Max()));
        return [.. continuations.Select(c => Score(Rows(c), c.Length, c))];

        float[] Rows(int[] c) =>
            c.Length > 1 ? [.. last, .. Timed(c.Length - 1, c, () => _session.Peek(c.AsSpan(0, c.Length - 1)))] : last;
    }

    /// <summary>The tokens that greedy decoding writes behind a prompt.</summary>
    public int[] Generate(int[] prompt, int count)
    {
        var written = new List<int>();
        _session.Restart();
        int[] next = prompt;
        while (written.Count < count)
        {
            int[] read = Steps ? next : [.. prompt, .. written];
            var last = Timed(read.Length, read, () => Steps ? _session.StepToLast(read) : _session.At(read, [read.Length - 1])[0]);
            next = [NextTokens.Greedy(last)];
            written.Add(next[0]);
        }

        _session.Restart();
        return [.. written];
    }

    public void Dispose() => _session.Dispose();

    /// <param name="logits">[rows, vocabulary]; the last rows predict the ids.</param>
    private static (double LogLikelihood, bool IsGreedy) Score(ReadOnlySpan<float> logits, int rows, int[] ids)
    {
        var vocabulary = logits.Length / rows;
        double sum = 0;
        var greedy = true;
        for (var i = 0; i < ids.Length; i++)
        {
            var row = logits.Slice((rows - ids.Length + i) * vocabulary, vocabulary);
            sum += row[ids[i]] - Perplexity.LogSumExp(row);
            greedy &= NextTokens.Greedy(row) == ids[i];
        }

        return (sum, greedy);
    }

    private T Timed<T>(int tokens, int[] ids, Func<T> run)
    {
        Vocabulary.Check(_map, ids.Max());
        TokensRead += tokens;
        _clock.Start();
        try
        {
            return run();
        }
        finally
        {
            _clock.Stop();
        }
    }
}
