using System.Diagnostics;
using OnnxMka.Outcomes;
using OnnxMka.Running.Parts;
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
    /// <summary>Infinite or NaN where the model has no finite loss.</summary>
    public double Value => Math.Exp(MeanNll);

    /// <summary>The mean loss, in nats a token.</summary>
    public Loss Loss => Loss.Of(MeanNll);

    /// <summary>
    /// Runs every window once, without overlap or carried context: all blocks at once, or one after the other, which agree to the rounding
    /// of the stream's type. Progress counts windows, at the end where blocks run one after the other. Refuses ids beyond the vocabulary
    /// and models without scores.
    /// </summary>
    internal static Perplexity Measure(
        Runner runner, BlockMap map, CalibrationSet text, IProgress<int>? progress = null, CancellationToken ct = default)
    {
        Vocabulary.Check(map, text);
        return runner.Mode == RunMode.Whole
            ? Whole(runner.Options, map, text, progress, ct)
            : ByParts(runner.Chain(map), text, progress, ct);
    }

    private static Perplexity Whole(
        RunningOptions options, BlockMap map, CalibrationSet text, IProgress<int>? progress, CancellationToken ct)
    {
        using var session = DecoderSession.Load(map, options.Target);
        var clock = new Stopwatch();
        double total = 0;
        long tokens = 0;
        for (var start = 0; start < text.Count; start += options.BatchSize)
        {
            ct.ThrowIfCancellationRequested();
            var batch = text.Samples.AsSpan().Slice(start, Math.Min(options.BatchSize, text.Count - start)).ToArray();
            clock.Start();
            var logits = session.Logits(batch.SelectMany(s => s).ToArray(), batch.Length);
            clock.Stop();
            var size = logits.Length / batch.Length;
            if (start == 0) NextTokenScores.Check(map, size / text.Length, text.MaxToken);
            var sums = new double[batch.Length];
            Parallel.For(0, batch.Length, i => sums[i] = WindowNll(logits.AsSpan(i * size, size), batch[i]));
            // Added in order of the windows: the same sum on any number of threads.
            foreach (var sum in sums) total += sum;
            tokens += batch.Sum(s => s.Length - 1);
            progress?.Report(batch.Length);
        }

        return new Perplexity(tokens, total / tokens, clock.Elapsed.TotalSeconds);
    }

    /// <summary>All windows through each block, and then through the head.</summary>
    private static Perplexity ByParts(BlockChain chain, CalibrationSet text, IProgress<int>? progress, CancellationToken ct)
    {
        var clock = Stopwatch.StartNew();
        using var stream = chain.RunBlocks(text, ct);
        double total = 0;
        chain.RunEpilogue(stream, (first, samples, logits) =>
        {
            var size = logits.Length / samples;
            NextTokenScores.Check(chain.Map, size / text.Length, text.MaxToken);
            for (var i = 0; i < samples; i++) total += WindowNll(logits.Slice(i * size, size), text.Samples[first + i]);
            progress?.Report(samples);
        }, ct: ct);
        var tokens = text.TokenCount - text.Count;
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
