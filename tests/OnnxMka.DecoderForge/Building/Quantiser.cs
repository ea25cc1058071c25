namespace OnnxMka.Forge;

/// <summary>
/// A matrix [in, out] in blocks along the inputs: code q of an element stands for (q - zero point) * scale of its block.
/// Codes are [out, in], scales and zero points [out, blocks].
/// </summary>
public sealed record QuantisedMatrix(int Inputs, int Outputs, QuantForm Form, byte[] Codes, float[] Scales, float[] ZeroPoints)
{
    public int BlocksPerRow => (Inputs + Form.BlockSize - 1) / Form.BlockSize;

    /// <summary>The matrix that the codes stand for, [in, out].</summary>
    public WeightTensor Dequantised()
    {
        var values = new float[Inputs * Outputs];
        for (var n = 0; n < Outputs; n++)
        {
            for (var k = 0; k < Inputs; k++)
            {
                var block = n * BlocksPerRow + k / Form.BlockSize;
                values[k * Outputs + n] = (Codes[n * Inputs + k] - ZeroPoints[block]) * Scales[block];
            }
        }

        return WeightTensor.Of(values, Inputs, Outputs);
    }
}

/// <summary>Round-to-nearest quantisation, block by block.</summary>
public static class Quantiser
{
    /// <summary>Symmetric around the middle code without zero points; otherwise the block's range, with 0 an exact code.</summary>
    public static QuantisedMatrix Quantise(WeightTensor matrix, QuantForm form)
    {
        var (inputs, outputs) = (matrix.Shape[0], matrix.Shape[1]);
        var blocks = (inputs + form.BlockSize - 1) / form.BlockSize;
        var result = new QuantisedMatrix(
            inputs, outputs, form, new byte[inputs * outputs], new float[outputs * blocks], new float[outputs * blocks]);
        var weights = matrix.Span;
        var highest = (1 << form.Bits) - 1;
        for (var n = 0; n < outputs; n++)
        {
            for (var b = 0; b < blocks; b++)
            {
                var (first, end) = (b * form.BlockSize, Math.Min(inputs, (b + 1) * form.BlockSize));
                float low = 0, high = 0;
                for (var k = first; k < end; k++)
                {
                    low = Math.Min(low, weights[k * outputs + n]);
                    high = Math.Max(high, weights[k * outputs + n]);
                }

                var (scale, zero) = Range(low, high, form, highest);
                (result.Scales[n * blocks + b], result.ZeroPoints[n * blocks + b]) = (scale, zero);
                for (var k = first; k < end; k++)
                    result.Codes[n * inputs + k] = (byte)Math.Clamp(MathF.Round(weights[k * outputs + n] / scale) + zero, 0, highest);
            }
        }

        return result;
    }

    private static (float Scale, float Zero) Range(float low, float high, QuantForm form, int highest)
    {
        var middle = 1 << (form.Bits - 1);
        if (form.ZeroPoints == ZeroPoints.None) return (Positive(Math.Max(-low, high) / (middle - 1)), middle);
        var scale = Positive((high - low) / highest);
        return (scale, Math.Clamp(MathF.Round(-low / scale), 0, highest));
    }

    private static float Positive(float scale) => scale > 0 ? scale : 1;
}
