using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>How far the logits of two graphs of one model may lie apart when they differ in the order of operations only.</summary>
/// <remarks>
/// A logit is the end of a chain of dot products. Rounding errors of relative size u in each of n steps add up like a random walk, to
/// u sqrt(n) of the typical logit. In fp32 a step is a multiply-add: n is the sum of the lengths of all dot products from the
/// embedding to the logit. In fp16 sums are kept in fp32 and each operator rounds its result: n is the number of operators on the way.
/// The largest of some thousands of normal deviates is 4 standard deviations, and both graphs err: 4 sqrt 2 = 6, rounded up to 8.
/// Operators in series in a block: two norms of 3, rotation 3, projections 4, softmax 2, mixing, activation and product 3, joins 2.
/// </remarks>
public static class LogitTolerance
{
    private const double Extreme = 8;
    private const double OperatorsPerBlock = 21;

    public static double For(DecoderModel model, ReadOnlySpan<float> logits)
    {
        var n = model.Spec.Network;
        var blocks = model.Spec.Blocks.Length;
        var perBlock = 3 * n.Hidden + n.QueryWidth + n.HeadSize + n.Inner;
        return model.Spec.Form.Type == ElementType.Float16
            ? Extreme * Math.ScaleB(1, -11) * Math.Sqrt(blocks * OperatorsPerBlock) * RootMeanSquare(logits)
            : Extreme * Math.ScaleB(1, -24) * Math.Sqrt(blocks * perBlock + n.Hidden) * RootMeanSquare(logits);
    }

    /// <summary>
    /// For dynamic int8: activations are rounded to 1/255 of their range, about 8 standard deviations, in each of 4 projections in
    /// series per block; each rounding is uniform, so its deviation is 8 / 255 / sqrt 12 of the activation's.
    /// </summary>
    public static double ForDynamicInt8(DecoderModel model, ReadOnlySpan<float> logits) =>
        Extreme * 8.0 / 255 / Math.Sqrt(12) * Math.Sqrt(4 * model.Spec.Blocks.Length + 1) * RootMeanSquare(logits);

    public static double RootMeanSquare(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (var value in values) sum += (double)value * value;
        return Math.Sqrt(sum / values.Length);
    }

    /// <summary>Largest difference; infinite where a value is not finite.</summary>
    public static double Distance(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        if (a.Length != b.Length) return double.PositiveInfinity;
        double largest = 0;
        for (var i = 0; i < a.Length; i++)
        {
            var difference = Math.Abs((double)a[i] - b[i]);
            if (!double.IsFinite(difference)) return double.PositiveInfinity;
            largest = Math.Max(largest, difference);
        }

        return largest;
    }
}
