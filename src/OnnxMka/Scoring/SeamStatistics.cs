using OnnxMka.Alignment;

namespace OnnxMka.Scoring;

/// <summary>Plain figures of one seam's pooled activations.</summary>
/// <param name="Norm">Mean Euclidean norm of a row.</param>
/// <param name="Influence">
/// What the block changes: 1 minus the mean cosine between rows before and after it. Block Influence as of ShortGPT, but of pooled rows and
/// not of tokens; null for block 0, whose input is not calibrated.
/// </param>
internal sealed record SeamStatistics(double Norm, double? Influence)
{
    public static SeamStatistics[] Of(IReadOnlyList<SampleMatrix> seams) =>
        [.. seams.Select((seam, i) => new SeamStatistics(MeanNorm(seam), i > 0 ? 1 - MeanCosine(seams[i - 1], seam) : null))];

    private static double MeanNorm(SampleMatrix seam) =>
        Enumerable.Range(0, seam.Samples).Average(i => Math.Sqrt(Dot(seam.Row(i), seam.Row(i))));

    private static double MeanCosine(SampleMatrix before, SampleMatrix after) => Enumerable.Range(0, after.Samples).Average(i =>
        Dot(before.Row(i), after.Row(i)) / Math.Sqrt(Dot(before.Row(i), before.Row(i)) * Dot(after.Row(i), after.Row(i))));

    private static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (var i = 0; i < a.Length; i++) sum += (double)a[i] * b[i];
        return sum;
    }
}
