using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>8-bit codes of a matrix [in, out], symmetric around 0: one scale a column, or one for all.</summary>
public static class ChannelCodes
{
    private const float LargestFloat8 = 448;

    public static (byte[] Codes, float[] Scales) Encode(WeightTensor weight, ElementType type)
    {
        var (rows, columns) = (weight.Shape[0], weight.Shape[1]);
        var largest = type == ElementType.Int8 ? sbyte.MaxValue : LargestFloat8;
        var scales = new float[columns];
        var codes = new byte[weight.Count];
        for (var i = 0; i < weight.Count; i++) scales[i % columns] = Math.Max(scales[i % columns], Math.Abs(weight.Span[i]) / largest);
        for (var i = 0; i < rows * columns; i++)
        {
            var scaled = scales[i % columns] > 0 ? weight.Span[i] / scales[i % columns] : 0;
            codes[i] = type == ElementType.Int8 ? unchecked((byte)(sbyte)MathF.Round(scaled)) : Float8(scaled);
        }

        return (codes, scales);
    }

    public static (byte[] Codes, float[] Scales) EncodeTensor(WeightTensor weight)
    {
        float largest = 0;
        foreach (var value in weight.Span) largest = Math.Max(largest, Math.Abs(value));
        var scale = largest > 0 ? largest / sbyte.MaxValue : 1;
        var codes = new byte[weight.Count];
        for (var i = 0; i < codes.Length; i++) codes[i] = unchecked((byte)(sbyte)MathF.Round(weight.Span[i] / scale));
        return (codes, [scale]);
    }

    /// <summary>What the codes stand for.</summary>
    public static WeightTensor Decode(WeightTensor shape, ElementType type, byte[] codes, float[] scales)
    {
        var values = new float[codes.Length];
        for (var i = 0; i < codes.Length; i++)
            values[i] = (type == ElementType.Int8 ? (sbyte)codes[i] : FromFloat8(codes[i])) * scales[i % scales.Length];
        return shape with { Values = values };
    }

    /// <summary>The nearest E4M3 number: 1 sign, 4 exponent (bias 7) and 3 mantissa bits, no infinities.</summary>
    private static byte Float8(float value)
    {
        var sign = value < 0 ? 0x80 : 0;
        var magnitude = Math.Min(Math.Abs(value), LargestFloat8);
        var exponent = magnitude > 0 ? Math.Max((int)Math.Floor(Math.Log2(magnitude)), -6) : -6;
        var mantissa = (int)Math.Round(magnitude / Math.Pow(2, exponent - 3));
        if (mantissa == 16) (mantissa, exponent) = (8, exponent + 1);
        return (byte)(sign | (mantissa < 8 ? mantissa : ((exponent + 7) << 3) | (mantissa - 8)));
    }

    private static float FromFloat8(byte code)
    {
        var (exponent, mantissa) = ((code >> 3) & 15, code & 7);
        var magnitude = exponent == 0 ? mantissa * Math.Pow(2, -9) : (8 + mantissa) * Math.Pow(2, exponent - 10);
        return (float)((code & 0x80) != 0 ? -magnitude : magnitude);
    }
}
