namespace OnnxMka.Alignment;

/// <summary>The default and the reference: vectorised, blocked, the same bits on any number of threads.</summary>
public sealed class CpuScoringKernels : IScoringKernels
{
    /// <inheritdoc/>
    public string Name => "CPU";

    void IScoringKernels.SquaredDistances(SampleMatrix x, double[] squared, int maxThreads)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(squared);
        if (squared.LongLength != (long)x.Samples * x.Samples)
        {
            throw new ArgumentException(
                $"The result holds {x.Samples} x {x.Samples} distances, not {squared.LongLength}.", nameof(squared));
        }

        PairwiseDistance.Squared(x, squared, maxThreads);
    }

    IDiffusionOperator IScoringKernels.Diffusion(SampleMatrix x, Func<double[], double> width, int maxThreads)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(width);
        var matrix = new double[x.Samples * x.Samples]; // D2, then K, then A: [N, N]
        PairwiseDistance.Squared(x, matrix, maxThreads);
        return DiffusionKernel.Normalise(matrix, x.Samples, width(matrix), maxThreads);
    }

    void IScoringKernels.NeighbourCounts(
        ScaledCoordinates left, ScaledCoordinates right, int neighbours, Span<int> leftCounts, Span<int> rightCounts)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        if (right.Samples != left.Samples || leftCounts.Length != left.Samples || rightCounts.Length != left.Samples)
            throw new ArgumentException("Both spaces and both results must have the same number of samples.", nameof(right));
        ArgumentOutOfRangeException.ThrowIfLessThan(neighbours, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(neighbours, left.Samples);

        Alignment.NeighbourCounts.Count(left, right, neighbours, leftCounts, rightCounts);
    }
}
