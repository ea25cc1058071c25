using System.Numerics.Tensors;
using OnnxMka.Numerics;

// Leading eigenpairs of the diffusion operator: A [N, N] -> (lambda_k, u_k), k = 0..count-1, with their residual.
//
// (1, u0) is known in closed form (see DiffusionKernel), so the others are sought in its complement: by a full
// decomposition of A - 2 u0 u0' for few samples, which moves the known pair to -1, below all others; by block Lanczos
// for more. An eigenvalue of 1 beside u0 (samples that fall apart in groups) therefore leaves u0 as it is. Either way
// ||A u - lambda u|| is then computed with A itself, for every pair, and must not exceed 1e-8.


namespace OnnxMka.Alignment;

internal static class SymmetricEigen
{
    /// <summary>Largest ||A u - lambda u|| accepted.</summary>
    public const double MaxResidual = 1e-8;

    /// <summary>
    /// What Lanczos aims at, well below what is accepted: an eigenvector is off by residual / gap, and the gap may be small.
    /// A residual is computed with rounding errors of about 1e-15.
    /// </summary>
    public const double LanczosTolerance = 1e-13;

    /// <summary>The <paramref name="count"/> leading pairs, u0 first, and the largest residual among them.</summary>
    public static (EigenPairs Pairs, double Residual) Leading(IDiffusionOperator diffusion, int count, int maxThreads)
    {
        var rest = diffusion.Samples < BlockLanczos.SmallestSize ? Full(diffusion, count - 1) : Lanczos(diffusion, count - 1, maxThreads);
        return WithStationary(diffusion, rest, maxThreads);
    }

    /// <summary>By decomposing the whole matrix: O(N^3).</summary>
    public static EigenPairs Full(IDiffusionOperator diffusion, int count)
    {
        var n = diffusion.Samples;
        var u = diffusion.Stationary;
        var a = diffusion.ToDense();
        return DenseEigen.Leading(n, (i, j) => a[(i * n) + j] - (2 * u[i] * u[j]), count);
    }

    /// <summary>By products with blocks of vectors: O(N^2) each.</summary>
    public static EigenPairs Lanczos(IDiffusionOperator diffusion, int count, int maxThreads) =>
        BlockLanczos.Leading(
            diffusion.Stationary, (panel, product) => diffusion.Multiply(panel, product, maxThreads), count, LanczosTolerance);

    /// <summary>Puts (lambda_0, u0) before the others, and refuses pairs that do not satisfy A u = lambda u.</summary>
    public static (EigenPairs Pairs, double Residual) WithStationary(IDiffusionOperator diffusion, EigenPairs rest, int maxThreads)
    {
        double[][] vectors = [diffusion.Stationary, .. rest.Vectors];
        var values = new double[vectors.Length];
        double residual = 0;
        for (var first = 0; first < vectors.Length; first += Panel.Width)
        {
            var columns = Math.Min(Panel.Width, vectors.Length - first);
            var images = Images(diffusion, vectors.AsSpan(first, columns), maxThreads);
            for (var k = 0; k < columns; k++)
            {
                var vector = vectors[first + k];
                var value = TensorPrimitives.Dot<double>(vector, images[k]); // Rayleigh quotient: error of the order residual^2
                TensorPrimitives.MultiplyAdd(vector, -value, images[k], images[k]);
                values[first + k] = value;
                residual = Math.Max(residual, TensorPrimitives.Norm<double>(images[k]));
            }
        }

        // Written so that a NaN is refused too.
        if (!(residual <= MaxResidual))
        {
            throw new DegenerateDataException(
                $"The leading eigenvectors of the diffusion operator did not settle: the residual is {residual:e1}, at most "
                + $"{MaxResidual:e0} is accepted. "
                + "Give more or other calibration samples, or another sigma.");
        }

        return (new EigenPairs(values, vectors), residual);
    }

    /// <summary>A u for up to eight vectors at once: [columns][N].</summary>
    private static double[][] Images(IDiffusionOperator diffusion, ReadOnlySpan<double[]> vectors, int maxThreads)
    {
        var n = diffusion.Samples;
        double[] panel = Panel.Zero(n), product = Panel.Zero(n);
        for (var k = 0; k < vectors.Length; k++)
        {
            for (var i = 0; i < n; i++)
                panel[(i * Panel.Width) + k] = vectors[k][i];
        }

        diffusion.Multiply(panel, product, maxThreads);
        var images = new double[vectors.Length][];
        for (var k = 0; k < images.Length; k++)
        {
            images[k] = new double[n];
            for (var i = 0; i < n; i++)
                images[k][i] = product[(i * Panel.Width) + k];
        }

        return images;
    }
}
