using OnnxMka.Outcomes;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Measuring;

/// <summary>Quality of a language model on text: <c>exp(mean negative log likelihood)</c> of tokens 1..T-1 of every window.</summary>
/// <param name="Tokens">Predicted tokens.</param>
/// <param name="MeanNll">Nats a token.</param>
/// <param name="Seconds">Time in the runtime.</param>
public sealed record Perplexity(long Tokens, double MeanNll, double Seconds)
{
    public double Value => Math.Exp(MeanNll);

    public Loss Loss => Loss.Of(MeanNll);

    /// <summary>Runs every window once, without overlap or carried context. Progress counts windows.</summary>
    public static Perplexity Measure(BlockMap map, CalibrationSet set, int batchSize, ExecutionTarget target, IProgress<int>? progress = null, CancellationToken ct = default)
    {
        Vocabulary.Check(map, set);
        using var session = DecoderSession.Load(map, target);
        var clock = new System.Diagnostics.Stopwatch();
        double total = 0;
        long tokens = 0;
        for (var start = 0; start < set.Count; start += batchSize)
        {
            ct.ThrowIfCancellationRequested();
            var batch = set.Samples.AsSpan().Slice(start, Math.Min(batchSize, set.Count - start)).ToArray();
            clock.Start();
            var logits = session.Logits(batch.SelectMany(s => s).ToArray(), batch.Length);
            clock.Stop();
            if (start == 0) NextTokenScores.Check(map, logits.Length / (batch.Length * set.Length), set.MaxToken);
            var sums = new double[batch.Length];
            Parallel.For(0, batch.Length, i => sums[i] = WindowNll(logits.AsSpan(i * (logits.Length / batch.Length), logits.Length / batch.Length), batch[i]));
            // Added in order of the windows: the same sum on any number of threads.
            foreach (var sum in sums) total += sum;
            tokens += batch.Sum(s => s.Length - 1);
            progress?.Report(batch.Length);
        }

        return new Perplexity(tokens, total / tokens, clock.Elapsed.TotalSeconds);
    }

    /// <summary>Sum of negative log likelihoods of ids 1..T-1 given what precedes them, in float64.</summary>
    /// <param name="logits">[T, vocabulary].</param>
    internal static double WindowNll(ReadOnlySpan<float> logits, ReadOnlySpan<int> ids)
    {
        var vocabulary = logits.Length / ids.Length;
        double nll = 0;
        for (var t = 0; t + 1 < ids.Length; t++)
        {
            var row = logits.Slice(t * vocabulary, vocabulary);
            nll += LogSumExp(row) - row[ids[t + 1]];
        }

        return nll;
    }

    internal static double LogSumExp(ReadOnlySpan<float> row)
    {
        double max = float.NegativeInfinity;
        foreach (var value in row) max = Math.Max(max, value);
        double sum = 0;
        foreach (var value in row) sum += Math.Exp(value - max);
        return max + Math.Log(sum);
    }
}
