namespace OnnxMka.Alignment;

/// <summary>
/// The two loops in which scoring spends its time. Both are stateless, take little and give little for what they
/// compute, so that an accelerator can take them over one by one; <see cref="CpuScoringKernels"/> is the reference.
/// An implementation is called from several threads at once and must give the same bits every time.
/// </summary>
public interface IScoringKernels
{
    /// <summary>Squared Euclidean distances of all rows, by differences in float64 (no Gram matrix: it cancels).</summary>
    /// <param name="x">[N, H].</param>
    /// <param name="squared">Result, [N, N], symmetric to the last bit, with a zero diagonal.</param>
    /// <param name="maxThreads">Threads at most; 0 for all.</param>
    void SquaredDistances(SampleMatrix x, double[] squared, int maxThreads);

    /// <summary>
    /// For each sample i, with eps_i its distance to the k-th neighbour in the joint space (maximum norm):
    /// how many other samples lie strictly closer than eps_i in each space alone.
    /// </summary>
    /// <param name="left">N samples.</param>
    /// <param name="right">The same N samples in another space.</param>
    /// <param name="neighbours">k, smaller than N.</param>
    /// <param name="leftCounts">Result n_x, [N].</param>
    /// <param name="rightCounts">Result n_y, [N].</param>
    void NeighbourCounts(ScaledCoordinates left, ScaledCoordinates right, int neighbours, Span<int> leftCounts, Span<int> rightCounts);
}
