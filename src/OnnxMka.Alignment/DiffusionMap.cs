using System.Numerics.Tensors;
using OnnxMka.Numerics;

// The diffusion map of one seam: X [N, H] -> E [N, d] (Coifman and Lafon, Diffusion maps, ACHA 21, 2006).
//
//   D -> sigma -> A -> (lambda_k, u_k)      PairwiseDistance, MedianDistance, DiffusionKernel, SymmetricEigen
//   psi_k = u_k / u_0;  E[:, k-1] = lambda_k^t psi_k,  k = 1..d
//
// One N x N matrix of float64 is alive: distances, squared, become affinities and then A in the same memory.


namespace OnnxMka.Alignment;

/// <summary>Samples of one seam to their leading diffusion coordinates.</summary>
internal static class DiffusionMap
{
    /// <summary>Eigenvalues reported, at least, where there are as many samples: the start of the decay, for whoever chooses d.</summary>
    private const int LeastSpectrum = 6;

    /// <summary>
    /// Eigenvalues closer than this leave the direction of their eigenvectors to rounding (about 1e-15 / gap), so the
    /// coordinate is not a property of the data.
    /// </summary>
    private const double LeastGap = 1e-9;

    /// <summary>Largest N whose N x N matrix fits one array.</summary>
    private const int MaxSamples = 46_340;

    /// <summary>
    /// The diffusion coordinates of <paramref name="x"/>. Time O(N^2 H); memory one N x N float64 matrix and O(100 N) beside it.
    /// The same bits on any number of threads.
    /// </summary>
    /// <param name="x">[N, H].</param>
    /// <param name="o">d, t, sigma, threads.</param>
    /// <param name="kernels">Who computes the operator and its products; null for <see cref="CpuScoringKernels"/>.</param>
    /// <exception cref="DegenerateDataException">Too few samples, identical points, an eigenpair that is not determined or did not
    /// settle.</exception>
    public static LayerEmbedding Embed(SampleMatrix x, AlignmentOptions o, IScoringKernels? kernels = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(o);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(x.Samples, MaxSamples, nameof(x));
        o.RequireSamples(x.Samples);

        var n = x.Samples;
        double sigma = 0;
        using var diffusion = (kernels ?? new CpuScoringKernels()).Diffusion(
            x, squared => sigma = KernelWidth(squared, n, o.Sigma), o.MaxThreads);
        var count = Math.Min(n, Math.Max(o.EmbeddingDimension + 2, LeastSpectrum));
        var (pairs, residual) = SymmetricEigen.Leading(diffusion, count, o.MaxThreads);
        RequireGaps(pairs.Values, o.EmbeddingDimension);
        return new LayerEmbedding(n, o.EmbeddingDimension, Coordinates(pairs, n, o), sigma, pairs.Values, residual);
    }

    private static double KernelWidth(double[] squared, int n, double? chosen)
    {
        if (TensorPrimitives.Max<double>(squared) == 0)
        {
            throw new DegenerateDataException(
                $"All {n} samples are identical, so they have no geometry. Give different calibration texts.");
        }

        var sigma = chosen ?? MedianDistance.Of(squared, n);
        return sigma > 0
            ? sigma
            : throw new DegenerateDataException(
                $"The median distance of the {n} samples is 0: most of them are identical. "
                    + "Remove the repeated calibration texts, or set sigma.");
    }

    private static void RequireGaps(double[] eigenvalues, int dimension)
    {
        for (var k = 1; k <= dimension; k++)
        {
            if (eigenvalues[k] - eigenvalues[k + 1] >= LeastGap)
                continue;

            throw new DegenerateDataException(
                $"Diffusion coordinate {k} is not determined: eigenvalues {k} and {k + 1} are both {eigenvalues[k]:g6}. "
                + "Use fewer coordinates, a larger sigma, or more varied calibration samples.");
        }
    }

    /// <summary>E [N, d], row-major.</summary>
    private static double[] Coordinates(EigenPairs pairs, int n, AlignmentOptions o)
    {
        var d = o.EmbeddingDimension;
        var coordinates = new double[n * d];
        for (var k = 1; k <= d; k++)
        {
            var weight = Math.Pow(pairs.Values[k], o.DiffusionTime);
            for (var i = 0; i < n; i++)
                coordinates[(i * d) + k - 1] = weight * pairs.Vectors[k][i] / pairs.Vectors[0][i];
        }

        return coordinates;
    }
}
