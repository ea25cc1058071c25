using OnnxMka.Chain;

namespace OnnxMka.Evaluation;

/// <summary>Mean negative log likelihood in nats of tokens 1..T-1 of every window, from the last seam.</summary>
internal static class ChainLoss
{
    public static double Of(BlockChain chain, BlockPart epilogue, SeamActivations last, CancellationToken ct)
    {
        var samples = last.Set.Samples;
        double total = 0;
        chain.RunEpilogue(
            epilogue,
            last,
            (first, count, logits) =>
            {
                var values = logits.ToArray();
                var size = values.Length / count;
                var sums = new double[count];
                Parallel.For(0, count, i => sums[i] = Perplexity.WindowNll(values.AsSpan(i * size, size), samples[first + i]));
                // Added in order of the windows: the same sum on any number of threads.
                foreach (var sum in sums) total += sum;
            },
            null,
            ct);
        return total / samples.Sum(s => s.Length - 1L);
    }
}
