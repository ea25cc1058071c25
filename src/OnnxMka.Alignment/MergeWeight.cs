// alpha = NPIB(left, right) clipped to [0.5, 1] (Liu et al., arXiv 2406.16330: alpha = S_lm). alpha is the share of the
// left block kept: theta = alpha theta_left + (1 - alpha) theta_right. The left block never counts less than the right.

namespace OnnxMka.Alignment;

/// <summary>From the similarity of two seams to the share of the left block in their merge.</summary>
internal static class MergeWeight
{
    public const double Least = 0.5;

    /// <param name="npib">In [0, 1].</param>
    /// <returns>alpha in [0.5, 1].</returns>
    public static double FromSimilarity(double npib) =>
        npib is >= 0 and <= 1
            ? Math.Max(Least, npib)
            : throw new ArgumentOutOfRangeException(nameof(npib), npib, "A similarity lies in [0, 1].");
}
