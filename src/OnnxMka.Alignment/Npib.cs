// The similarity of two seams (Liu et al., arXiv 2406.16330): E_a [N, da], E_b [N, db] -> NPIB in [0, 1].
//
//   NPIB = I(E_a; E_b) / sqrt(H(E_a) H(E_b))
//
// I and H as in MutualInformation, both from the same neighbours. NPIB(a, a) = 1 and NPIB(a, b) = NPIB(b, a), to the last bit.

namespace OnnxMka.Alignment;

/// <summary>
/// NPIB of one pair and its ingredients, in nats. 1: each sample has the same neighbours in both; 0: no common information.
/// </summary>
internal readonly record struct NpibScore(double Npib, double MutualInformation, double EntropyLeft, double EntropyRight);

/// <summary>Normalised pairwise information bottleneck (NPIB) of two embeddings of the same samples.</summary>
internal static class Npib
{
    /// <summary>The similarity of <paramref name="a"/> and <paramref name="b"/>. Time O(N^2 (da + db)), memory O(N), one thread.</summary>
    /// <param name="a">[N, da].</param>
    /// <param name="b">[N, db], of the same samples in the same order.</param>
    /// <param name="o">k.</param>
    /// <param name="kernels">Who counts neighbours; null for <see cref="CpuScoringKernels"/>.</param>
    /// <exception cref="DegenerateDataException">A constant coordinate, or too few samples.</exception>
    public static NpibScore Score(LayerEmbedding a, LayerEmbedding b, AlignmentOptions o, IScoringKernels? kernels = null)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        ArgumentNullException.ThrowIfNull(o);
        if (a.Samples != b.Samples)
        {
            throw new ArgumentException(
                $"The embeddings have {a.Samples} and {b.Samples} samples; they must be of the same samples.", nameof(b));
        }

        o.RequireSamples(a.Samples);
        return Score(
            ScaledCoordinates.Of(a, "the left embedding"),
            ScaledCoordinates.Of(b, "the right embedding"),
            new MutualInformation(a.Samples, o.Neighbours),
            kernels ?? new CpuScoringKernels());
    }

    internal static NpibScore Score(ScaledCoordinates a, ScaledCoordinates b, MutualInformation estimator, IScoringKernels kernels)
    {
        var counts = new int[2 * a.Samples]; // n_x [N], n_y [N]
        Span<int> left = counts.AsSpan(0, a.Samples), right = counts.AsSpan(a.Samples);
        kernels.NeighbourCounts(a, b, estimator.Neighbours, left, right);
        var information = estimator.FromCounts(left, right);
        var entropy = estimator.Entropy;
        return new NpibScore(information / Math.Sqrt(entropy * entropy), information, entropy, entropy);
    }
}
