namespace OnnxMka.Alignment;

/// <summary>
/// The loops in which scoring spends its time: distances and the diffusion operator of a seam, products with it, neighbour
/// counts of a pair. An accelerator can take them over; <see cref="CpuScoringKernels"/> is the reference.
/// An implementation is called from several threads at once and must give the same bits every time.
/// </summary>
public interface IScoringKernels
{
    /// <summary>What computes, for people: CPU, or the name of a device.</summary>
    string Name { get; }

    /// <summary>
    /// Squared Euclidean distances of all rows, in float64, each to a relative error below 1e-11 whatever the others are.
    /// </summary>
    /// <param name="x">[N, H].</param>
    /// <param name="squared">Result, [N, N], symmetric to the last bit, with a zero diagonal.</param>
    /// <param name="maxThreads">Threads at most; 0 for all.</param>
    internal void SquaredDistances(SampleMatrix x, double[] squared, int maxThreads);

    /// <summary>
    /// The diffusion operator of one seam: squared distances as above, K = exp(-D2 / sigma^2), K1 = K / sqrt(p p') with p the row sums
    /// of K, A = K1 / (v v') with v^2 the row sums of K1.
    /// </summary>
    /// <param name="x">[N, H].</param>
    /// <param name="width">Is shown D2 [N, N] once and answers sigma; must not keep or change it.</param>
    /// <param name="maxThreads">Threads at most; 0 for all.</param>
    internal IDiffusionOperator Diffusion(SampleMatrix x, Func<double[], double> width, int maxThreads);

    /// <summary>
    /// For each sample i, with eps_i its distance to the k-th neighbour in the joint space (maximum norm):
    /// how many other samples lie strictly closer than eps_i in each space alone.
    /// </summary>
    /// <param name="left">N samples.</param>
    /// <param name="right">The same N samples in another space.</param>
    /// <param name="neighbours">k, smaller than N.</param>
    /// <param name="leftCounts">Result n_x, [N].</param>
    /// <param name="rightCounts">Result n_y, [N].</param>
    internal void NeighbourCounts(
        ScaledCoordinates left, ScaledCoordinates right, int neighbours, Span<int> leftCounts, Span<int> rightCounts);
}
