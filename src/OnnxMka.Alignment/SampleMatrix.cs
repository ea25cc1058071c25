using System.Numerics.Tensors;

// The input of the library: one seam's activations, X [samples, features], row-major float32, one row per
// calibration sample (algorithm: pooled residual stream, one sequence per row). Finite by construction, so no
// later stage asks again.


namespace OnnxMka.Alignment;

/// <summary>Samples x features, float32, row-major; every value is finite.</summary>
internal sealed class SampleMatrix
{
    private readonly float[] _values; // [samples, features]

    /// <param name="samples">Rows.</param>
    /// <param name="features">Columns.</param>
    /// <param name="values">[samples, features], row-major. The matrix takes the array over: do not write to it afterwards.</param>
    /// <exception cref="DegenerateDataException">A value is not finite.</exception>
    public SampleMatrix(int samples, int features, float[] values)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(features, 1);
        ArgumentNullException.ThrowIfNull(values);
        if (values.LongLength != (long)samples * features)
            throw new ArgumentException($"{samples} x {features} values are needed, {values.LongLength} were given.", nameof(values));

        Samples = samples;
        Features = features;
        _values = values;
        RequireFinite();
    }

    public int Samples { get; }

    public int Features { get; }

    /// <summary>All rows, one after the other: [samples, features].</summary>
    public ReadOnlySpan<float> Values => _values;

    /// <summary>Row <paramref name="i"/>: [features].</summary>
    public ReadOnlySpan<float> Row(int i)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(i);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(i, Samples);
        return _values.AsSpan(i * Features, Features);
    }

    private void RequireFinite()
    {
        if (TensorPrimitives.IsFiniteAll<float>(_values))
            return;

        var count = _values.LongCount(value => !float.IsFinite(value));
        var first = Array.FindIndex(_values, value => !float.IsFinite(value));
        throw new DegenerateDataException(
            $"{count} of {_values.LongLength} activations are not finite, the first in sample {first / Features}, feature "
            + $"{first % Features}: "
            + "the model overflows or is damaged there. Run it in a wider floating-point type, or leave that sample out.");
    }
}
