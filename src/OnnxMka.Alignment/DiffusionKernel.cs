using System.Numerics.Tensors;
using OnnxMka.Numerics;

// Affinities and their normalisation, in place: D2 [N, N] -> A [N, N] and u0 [N].
//
//   K  = exp(-(D / sigma)^2)
//   K1 = K[i,j] / (p_i p_j)^(1/2),  p = row sums of K      (alpha = 1/2: Coifman and Lafon, Diffusion maps, ACHA 21, 2006)
//   A  = K1 / (v v'),               v = sqrt(row sums of K1)
//
// A is symmetric (to the last bit: the scale of an entry is one product s_i s_j) and positive semidefinite, being a
// scaled Gaussian kernel. A v = v, so the leading eigenvector is known in closed form: u0 = v / ||v||, eigenvalue 1.
// A row is one sum in one order, whatever the number of threads.


namespace OnnxMka.Alignment;

/// <summary>The symmetric diffusion operator of one seam, in memory.</summary>
/// <param name="Values">A [N, N], symmetric.</param>
/// <param name="Samples">N.</param>
/// <param name="Stationary">u0 [N]: the unit eigenvector of eigenvalue 1, all entries positive.</param>
internal sealed record DiffusionOperator(double[] Values, int Samples, double[] Stationary) : IDiffusionOperator
{
    public double[] ToDense() => Values;

    public void Multiply(double[] panel, double[] product, int maxThreads) => Panel.Multiply(Values, Samples, panel, product, maxThreads);

    public void Dispose()
    {
    }
}

internal static class DiffusionKernel
{
    private const int RowsPerBlock = 64;

    /// <param name="squared">D2 [N, N]; becomes A.</param>
    /// <param name="n">N.</param>
    /// <param name="sigma">Kernel width, positive.</param>
    /// <param name="maxThreads">Threads at most; 0 for all.</param>
    public static DiffusionOperator Normalise(double[] squared, int n, double sigma, int maxThreads)
    {
        var density = new double[n]; // p^(-1/2) [N]
        var root = new double[n]; // v [N]
        var scale = new double[n]; // p^(-1/2) / v [N]
        var factor = -1 / (sigma * sigma);

        RowBlocks.For(n, RowsPerBlock, maxThreads, (first, end) =>
        {
            for (var i = first; i < end; i++)
            {
                var row = squared.AsSpan(i * n, n);
                TensorPrimitives.Multiply(row, factor, row);
                TensorPrimitives.Exp(row, row);
                density[i] = 1 / Math.Sqrt(TensorPrimitives.Sum<double>(row));
            }
        });

        RowBlocks.For(n, RowsPerBlock, maxThreads, (first, end) =>
        {
            for (var i = first; i < end; i++)
            {
                root[i] = Math.Sqrt(density[i] * TensorPrimitives.Dot<double>(squared.AsSpan(i * n, n), density));
                scale[i] = density[i] / root[i];
            }
        });

        RowBlocks.For(n, RowsPerBlock, maxThreads, (first, end) =>
        {
            var both = new double[n]; // s_i s_j [N]
            for (var i = first; i < end; i++)
            {
                var row = squared.AsSpan(i * n, n);
                TensorPrimitives.Multiply(scale, scale[i], both);
                TensorPrimitives.Multiply(row, both, row);
            }
        });

        TensorPrimitives.Divide(root, TensorPrimitives.Norm<double>(root), root);
        return new DiffusionOperator(squared, n, root);
    }
}
