using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace OnnxMka.Alignment;

/// <summary>
/// The diffusion coordinates of the samples at one seam. The sign of each coordinate is arbitrary; nothing downstream depends on it.
/// </summary>
internal sealed class LayerEmbedding
{
    /// <param name="samples">N.</param>
    /// <param name="dimension">d.</param>
    /// <param name="coordinates">[N, d], row-major, finite. The embedding takes the array over: do not write to it afterwards.</param>
    /// <param name="sigma">Kernel width.</param>
    /// <param name="eigenvalues">Leading eigenvalues, largest first, at least d + 1. Taken over as well.</param>
    /// <param name="eigenResidual">Largest ||A u - lambda u|| over these.</param>
    /// <exception cref="DegenerateDataException">A coordinate is not finite.</exception>
    public LayerEmbedding(int samples, int dimension, double[] coordinates, double sigma, double[] eigenvalues, double eigenResidual)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(dimension, 1);
        ArgumentNullException.ThrowIfNull(coordinates);
        ArgumentNullException.ThrowIfNull(eigenvalues);
        if (coordinates.LongLength != (long)samples * dimension)
        {
            throw new ArgumentException(
                $"{samples} x {dimension} coordinates are needed, {coordinates.LongLength} were given.", nameof(coordinates));
        }

        if (eigenvalues.Length <= dimension)
            throw new ArgumentException($"{dimension} coordinates need at least {dimension + 1} eigenvalues.", nameof(eigenvalues));

        var broken = coordinates.Count(value => !double.IsFinite(value));
        if (broken > 0)
        {
            var first = Array.FindIndex(coordinates, value => !double.IsFinite(value));
            throw new DegenerateDataException(
                $"{broken} embedding coordinates are not finite, the first in sample {first / dimension}, coordinate {first % dimension}. "
                + "Give more or other calibration samples, or another sigma.");
        }

        Samples = samples;
        Dimension = dimension;
        Coordinates = ImmutableCollectionsMarshal.AsImmutableArray(coordinates);
        Sigma = sigma;
        Eigenvalues = ImmutableCollectionsMarshal.AsImmutableArray(eigenvalues);
        EigenResidual = eigenResidual;
    }

    /// <summary>N.</summary>
    public int Samples { get; }

    /// <summary>d.</summary>
    public int Dimension { get; }

    /// <summary>E [N, d], row-major: lambda_k^t u_k / u_0 for k = 1..d.</summary>
    public ImmutableArray<double> Coordinates { get; }

    /// <summary>Kernel width used, in the units of the activations.</summary>
    public double Sigma { get; }

    /// <summary>Leading eigenvalues of the diffusion operator, largest first, from lambda_0 = 1: at least d + 1.</summary>
    public ImmutableArray<double> Eigenvalues { get; }

    /// <summary>Largest ||A u - lambda u|| over <see cref="Eigenvalues"/>; at most 1e-8.</summary>
    public double EigenResidual { get; }
}
