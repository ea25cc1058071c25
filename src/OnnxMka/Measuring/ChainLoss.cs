using OnnxMka.Outcomes;
using OnnxMka.Running.Parts;

namespace OnnxMka.Measuring;

/// <summary>Mean negative log likelihood in nats of tokens 1..T-1 of every window, from the last seam.</summary>
internal static class ChainLoss
{
    /// <summary>One loss a stream; the head is loaded once for all of them.</summary>
    public static Loss[] Of(BlockChain chain, BlockPart epilogue, IReadOnlyList<SeamActivations> streams, CancellationToken ct)
    {
        if (streams.Count > 0) NextTokenScores.Refuse(chain.Map);
        var totals = new double[streams.Count];
        chain.RunEpilogue(
            epilogue,
            streams,
            (stream, first, logits) =>
            {
                var samples = streams[stream].Set.Samples;
                var values = logits.ToArray();
                var count = Math.Min(chain.BatchSize, samples.Length - first);
                var size = values.Length / count;
                NextTokenScores.Check(chain.Map, size / samples[first].Length, streams[stream].Set.MaxToken);
                var sums = new double[count];
                Parallel.For(0, count, i => sums[i] = Perplexity.WindowNll(values.AsSpan(i * size, size), samples[first + i]));
                // Added in order of the windows: the same sum on any number of threads.
                foreach (var sum in sums) totals[stream] += sum;
            },
            ct);
        return [.. totals.Select((total, i) => Loss.Of(total / streams[i].Set.Samples.Sum(s => s.Length - 1L)))];
    }
}
