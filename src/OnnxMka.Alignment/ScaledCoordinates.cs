using System.Globalization;
using System.Numerics.Tensors;

// z = (x - mean) / standard deviation, per coordinate over the N samples: E [N, d] -> Z [d, N], one coordinate after
// the other so that distances from one sample to all others are whole vectors. The deviation is that of the population
// (1/N); N - 1 would scale every coordinate of every space alike and change no comparison.


namespace OnnxMka.Alignment;

/// <summary>One embedding with every coordinate at zero mean and unit variance.</summary>
internal sealed class ScaledCoordinates
{
    /// <summary>
    /// A spread below this share of the largest magnitude is the rounding of a constant: N values of one number give a
    /// deviation of a few 2^-53 times that number.
    /// </summary>
    private const double ConstantSpread = 1e-13;

    private readonly double[] _values; // [d, N]

    private ScaledCoordinates(int samples, int dimension, double[] values)
    {
        Samples = samples;
        Dimension = dimension;
        _values = values;
    }

    /// <summary>N.</summary>
    public int Samples { get; }

    /// <summary>d.</summary>
    public int Dimension { get; }

    /// <summary>Coordinate <paramref name="k"/> of all samples: [N].</summary>
    public ReadOnlySpan<double> Column(int k) => _values.AsSpan(k * Samples, Samples);

    /// <summary>Scales an embedding.</summary>
    /// <param name="embedding">[N, d].</param>
    /// <param name="name">What a refusal calls it.</param>
    /// <exception cref="DegenerateDataException">A coordinate is constant.</exception>
    public static ScaledCoordinates Of(LayerEmbedding embedding, string name = "the embedding")
    {
        ArgumentNullException.ThrowIfNull(embedding);
        int n = embedding.Samples, d = embedding.Dimension;
        var values = new double[d * n];
        for (var k = 0; k < d; k++)
        {
            var column = values.AsSpan(k * n, n);
            for (var i = 0; i < n; i++)
                column[i] = embedding.Coordinates[(i * d) + k];
            Standardise(column, k, name);
        }

        return new ScaledCoordinates(n, d, values);
    }

    private static void Standardise(Span<double> column, int k, string name)
    {
        // First to magnitude 1: the squares of very small or very large coordinates would leave the range of float64.
        var magnitude = TensorPrimitives.MaxMagnitude<double>(column);
        magnitude = Math.Abs(magnitude);
        if (magnitude > 0)
        {
            TensorPrimitives.Divide(column, magnitude, column);
            TensorPrimitives.Subtract(column, TensorPrimitives.Sum<double>(column) / column.Length, column);
            var deviation = Math.Sqrt(TensorPrimitives.SumOfSquares<double>(column) / column.Length);
            if (deviation > ConstantSpread)
            {
                TensorPrimitives.Divide(column, deviation, column);
                return;
            }
        }

        throw new DegenerateDataException(string.Create(
            CultureInfo.InvariantCulture,
            $"Coordinate {k} of {name} is constant over all {column.Length} samples, so it says nothing about them. "
                + $"Use fewer coordinates or a smaller diffusion time."));
    }
}
