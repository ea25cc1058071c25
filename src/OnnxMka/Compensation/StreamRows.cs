using OnnxMka.Running.Parts;

namespace OnnxMka.Compensation;

/// <summary>Takes one sample: what the part leaves, where it should be, and the first tap (empty where there is none).</summary>
internal delegate void RowsConsumer(ReadOnlySpan<float> left, ReadOnlySpan<float> goal, ReadOnlySpan<float> tap);

/// <summary>Runs a part and looks at what it leaves, sample by sample, beside what it should leave.</summary>
internal static class StreamRows
{
    public static void Each(
        BlockChain chain, BlockPart part, SeamActivations input, SeamActivations goal, RowsConsumer consumer, CancellationToken ct)
    {
        using var open = chain.Open(part, input, ct);
        Each(open, part.Taps.Length == 0 ? null : 0, input, goal, consumer, ct);
    }

    /// <param name="tap">Which tap is looked at; null for none.</param>
    public static void Each(
        OpenPart part, int? tap, SeamActivations input, SeamActivations goal, RowsConsumer consumer, CancellationToken ct)
    {
        var size = goal.Set.Length * goal.Width;
        var wanted = new float[size];
        part.Observe(
            input,
            (first, count, values) =>
            {
                for (var i = 0; i < count; i++)
                {
                    goal.ReadFloats(first + i, wanted);
                    consumer(Sample(values[0], i, count), wanted, tap is { } t ? Sample(values[t + 1], i, count) : []);
                }
            },
            ct);
    }

    /// <summary><c>||t - y|| / ||t||</c> over all tokens, y after <paramref name="map"/> where there is one.</summary>
    /// <param name="eachToken">
    /// Every token's row counts divided by the root mean square of its t, as a refit is fitted: the root mean square of the tokens' own
    /// errors.
    /// </param>
    public static double Error(
        OpenPart part, SeamActivations input, SeamActivations goal, SeamMap? map, CancellationToken ct, bool eachToken = false)
    {
        var width = goal.Width;
        double difference = 0, norm = 0;
        Each(
            part,
            null,
            input,
            goal,
            (y, t, _) =>
            {
                var mapped = map?.Apply(y, width);
                var inverse = eachToken ? InverseNorms(t, width) : [];
                for (var i = 0; i < t.Length; i++)
                {
                    var weight = eachToken ? inverse[i / width] * inverse[i / width] : 1;
                    var d = t[i] - (mapped is null ? y[i] : mapped[i]);
                    difference += d * d * weight;
                    norm += (double)t[i] * t[i] * weight;
                }
            },
            ct);
        return norm > 0 ? Math.Sqrt(difference / norm) : Math.Sqrt(difference);
    }

    /// <summary>1 / root mean square of each row; 0 for a row of zeros.</summary>
    public static double[] InverseNorms(ReadOnlySpan<float> rows, int width)
    {
        var inverse = new double[rows.Length / width];
        for (var i = 0; i < inverse.Length; i++)
        {
            double squares = 0;
            foreach (var value in rows.Slice(i * width, width)) squares += (double)value * value;
            inverse[i] = squares > 0 ? 1 / Math.Sqrt(squares / width) : 0;
        }

        return inverse;
    }

    private static ReadOnlySpan<float> Sample(float[] values, int number, int count) =>
        values.AsSpan(values.Length / count * number, values.Length / count);
}

/// <summary>Mean magnitudes of two streams, of each (Hadamard) channel and over all.</summary>
internal sealed class ChannelMagnitudes(int width, bool hadamard)
{
    private readonly double[] _have = new double[width];
    private readonly double[] _want = new double[width];

    public void Add(ReadOnlySpan<float> have, ReadOnlySpan<float> want)
    {
        Sum(have, _have);
        Sum(want, _want);
    }

    /// <summary>mean |want_k| / mean |have_k|; 1 for a channel that is zero throughout.</summary>
    public double[] ByChannel() => [.. _have.Zip(_want, (h, w) => h > 0 ? w / h : 1)];

    public double Overall() => _have.Sum() is > 0 and var have ? _want.Sum() / have : 1;

    private void Sum(ReadOnlySpan<float> rows, double[] sums)
    {
        var row = new double[width];
        for (var start = 0; start < rows.Length; start += width)
        {
            for (var i = 0; i < width; i++) row[i] = rows[start + i];
            if (hadamard) SeamMap.Transform(row);
            for (var i = 0; i < width; i++) sums[i] += Math.Abs(row[i]);
        }
    }
}
