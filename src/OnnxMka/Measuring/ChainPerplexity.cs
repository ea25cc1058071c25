using System.Diagnostics;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Measuring;

/// <summary>Perplexity of a model that is larger than memory: one block at a time, all windows through each.</summary>
public static class ChainPerplexity
{
    /// <summary>As <see cref="Perplexity.Measure"/>, to the rounding of the stream's type. Progress counts windows, at the end of the chain.</summary>
    public static Perplexity Measure(BlockMap map, CalibrationSet set, ChainOptions options, ExecutionTarget target, IProgress<int>? progress = null, CancellationToken ct = default)
    {
        Vocabulary.Check(map, set);
        var clock = Stopwatch.StartNew();
        var chain = BlockChain.Of(map, target, options);
        using var stream = chain.RunBlocks(set, ct);
        double total = 0;
        chain.RunEpilogue(stream, (first, samples, logits) =>
        {
            var size = logits.Length / samples;
            NextTokenScores.Check(map, size / set.Length, set.MaxToken);
            for (var i = 0; i < samples; i++) total += Perplexity.WindowNll(logits.Slice(i * size, size), set.Samples[first + i]);
            progress?.Report(samples);
        }, ct: ct);
        var tokens = set.TokenCount - set.Count;
        return new Perplexity(tokens, total / tokens, clock.Elapsed.TotalSeconds);
    }
}
