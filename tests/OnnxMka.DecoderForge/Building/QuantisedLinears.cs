using System.Runtime.InteropServices;
using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>Writes projections whose weights are stored in few bits.</summary>
internal sealed class QuantisedLinears(GraphWriter g)
{
    private readonly Dictionary<string, string[]> _quantisedInputs = new(StringComparer.Ordinal);

    /// <summary>Matrices as small as a router or with odd sizes stay in float, as the quantisers leave them.</summary>
    public static bool Applies(WeightTensor weight, QuantForm form) => weight.Shape[0] % form.BlockSize == 0 && weight.Shape[1] >= 16;

    /// <summary>The form with this block's own width.</summary>
    public static QuantForm Resolve(QuantForm form, int bits) => bits > 0 ? form with { Bits = bits } : form;

    public string Apply(string x, string module, WeightTensor weight, int bits)
    {
        var form = Resolve(g.Form.Quant, bits);
        if (!Applies(weight, form)) return g.Op("MatMul", [x, g.Weight(g.Dialect.WeightName(module, WeightPart.Matrix), weight)]);
        return g.Form.Linear switch
        {
            LinearForm.NBits => NBits(x, module, Quantiser.Quantise(weight, form)),
            LinearForm.QdqBlockwise => Blockwise(x, module, Quantiser.Quantise(weight, form)),
            LinearForm.QdqBlockwiseTransposed => BlockwiseTransposed(x, module, Quantiser.Quantise(weight, form)),
            LinearForm.QdqInt8 => PerChannel(x, module, weight, ElementType.Int8),
            LinearForm.QdqFloat8 => PerChannel(x, module, weight, ElementType.Float8E4M3FN),
            _ => DynamicInt8(x, module, weight),
        };
    }

    /// <summary>Writes codes [out, blocks, bytes] and scales [out, blocks] of MatMulNBits.</summary>
    public static (string Codes, string Scales) Store(GraphWriter g, string module, QuantisedMatrix q)
    {
        var (name, form) = (Name(g, module), q.Form);
        var codes = Tensors.Raw(
            ElementType.UInt8, Packed.Codes(q.Codes, form.Bits), q.Outputs, q.BlocksPerRow, form.BlockSize * form.Bits / 8);
        var scales = Tensors.Floats(g.Type, q.Scales, q.Outputs, q.BlocksPerRow);
        return (g.Initializer($"{name}.weight_Q{form.Bits}", codes), g.Initializer($"{name}.weight_scales", scales));
    }

    private static string Name(GraphWriter g, string module) => g.Form.Dialect == DialectKind.GenAi ? $"{module}.MatMul" : module;

    private string NBits(string x, string module, QuantisedMatrix q)
    {
        var (name, form) = (Name(g, module), q.Form);
        var (codes, scales) = Store(g, module, q);
        var zeros = form.ZeroPoints switch
        {
            ZeroPoints.None => "",
            ZeroPoints.Packed => g.Initializer($"{name}.weight_zero_points", PackedZeroPoints(q)),
            _ => g.Initializer($"{name}.weight_zero_points", Tensors.Floats(g.Type, q.ZeroPoints, q.Outputs, q.BlocksPerRow)),
        };
        List<(string, object)> attributes = [("K", q.Inputs), ("N", q.Outputs), ("bits", form.Bits), ("block_size", form.BlockSize)];
        if (form.Prepacked != 0) attributes.Add(("weight_prepacked", form.Prepacked));
        return g.Call("MatMulNBits", GraphWriter.Contrib, [x, codes, scales, zeros], [null], [.. attributes], $"MatMul_Q{form.Bits}")[0];
    }

    private static Graph.Proto.TensorProto PackedZeroPoints(QuantisedMatrix q)
    {
        var rowBytes = (q.BlocksPerRow * q.Form.Bits + 7) / 8;
        var bytes = new byte[q.Outputs * rowBytes];
        for (var n = 0; n < q.Outputs; n++)
        {
            var row = q.ZeroPoints.Skip(n * q.BlocksPerRow).Take(q.BlocksPerRow).Select(z => (byte)z).ToArray();
            Packed.Codes(row, q.Form.Bits).CopyTo(bytes.AsSpan(n * rowBytes));
        }

        return Tensors.Raw(ElementType.UInt8, bytes, q.Outputs, rowBytes);
    }

    /// <summary>W [in, out], blocks along axis 0, as ORT's own quantiser writes it.</summary>
    private string Blockwise(string x, string module, QuantisedMatrix q)
    {
        var codes = Transposed(q.Codes, q.Outputs, q.Inputs);
        var zeros = Transposed([.. q.ZeroPoints.Select(z => (byte)z)], q.Outputs, q.BlocksPerRow);
        var scales = WeightTensor.Of(q.Scales, q.Outputs, q.BlocksPerRow).Transposed();
        var operands = Operands(module, q, codes, scales.Span, zeros, [q.Inputs, q.Outputs], [q.BlocksPerRow, q.Outputs]);
        var weight = g.Op("DequantizeLinear", operands, ("axis", 0), ("block_size", q.Form.BlockSize));
        return g.Op("MatMul", [x, weight]);
    }

    /// <summary>W [out, in], blocks along the last axis, then a Transpose, as the GenAI builder writes it.</summary>
    private string BlockwiseTransposed(string x, string module, QuantisedMatrix q)
    {
        byte[] zeros = [.. q.ZeroPoints.Select(z => (byte)z)];
        var operands = Operands(module, q, q.Codes, q.Scales, zeros, [q.Outputs, q.Inputs], [q.Outputs, q.BlocksPerRow]);
        var weight = g.Op("DequantizeLinear", operands, ("axis", -1), ("block_size", q.Form.BlockSize));
        return g.Op("MatMul", [x, g.Transpose(weight, 1, 0)]);
    }

    /// <summary>Signed codes without zero points, unsigned codes with them.</summary>
    private string[] Operands(
        string module, QuantisedMatrix q, byte[] codes, ReadOnlySpan<float> scales, byte[] zeros, int[] shape, int[] blockShape)
    {
        var bits = q.Form.Bits;
        var signed = q.Form.ZeroPoints == ZeroPoints.None;
        var type = (bits, signed) switch
        {
            (4, true) => ElementType.Int4,
            (4, false) => ElementType.UInt4,
            (_, true) => ElementType.Int8,
            _ => ElementType.UInt8,
        };
        var middle = 1 << (bits - 1);
        var mask = (1 << bits) - 1;
        byte[] stored = signed ? [.. codes.Select(c => (byte)((c - middle) & mask))] : codes;
        var scale = g.Initializer($"{module}.weight_DQ_scales", Tensors.Floats(g.Type, scales, blockShape));
        var code = g.Initializer($"{module}.weight_DQ_Q{bits}", Tensors.Raw(type, Packed.Codes(stored, bits), shape));
        if (signed) return [code, scale];
        return [code, scale, g.Initializer($"{module}.weight_DQ_zero_points", Tensors.Raw(type, Packed.Codes(zeros, bits), blockShape))];
    }

    /// <summary>One scale per output column and no zero point.</summary>
    private string PerChannel(string x, string module, WeightTensor weight, ElementType type)
    {
        var (codes, scales) = ChannelCodes.Encode(weight, type);
        var code = g.Initializer($"{module}.weight_quantized", Tensors.Raw(type, codes, weight.Shape.AsSpan()));
        var scale = g.Initializer($"{module}.weight_scale", Tensors.Floats(g.Type, scales, scales.Length));
        return g.Op("MatMul", [x, g.Op("DequantizeLinear", [code, scale], ("axis", 1))]);
    }

    /// <summary>Activations are quantised at run time, once for all projections that read them.</summary>
    private string DynamicInt8(string x, string module, WeightTensor weight)
    {
        if (!_quantisedInputs.TryGetValue(x, out var input))
            _quantisedInputs[x] = input = g.Call("DynamicQuantizeLinear", "", [x], [$"{x}_quantized", $"{x}_scale", $"{x}_zero_point"], []);
        var (codes, scales) = ChannelCodes.EncodeTensor(weight);
        var code = g.Initializer($"{module}.weight_quantized", Tensors.Raw(ElementType.Int8, codes, weight.Shape.AsSpan()));
        var scale = g.Initializer($"{module}.weight_scale", Tensors.Floats(ElementType.Float, scales));
        var zero = g.Initializer($"{module}.weight_zero_point", Tensors.Raw(ElementType.Int8, [0]));
        var product = g.Cast(g.Op("MatMulInteger", [input[0], code, input[2], zero]), ElementType.Float);
        return g.Op("Mul", [product, g.Op("Mul", [input[1], scale])]);
    }

    private static byte[] Transposed(byte[] values, int rows, int columns)
    {
        var result = new byte[values.Length];
        for (var r = 0; r < rows; r++)
        {
            for (var c = 0; c < columns; c++) result[c * rows + r] = values[r * columns + c];
        }

        return result;
    }
}

/// <summary>Codes of 2 or 4 bits, as many to a byte as go in, the first in the lowest bits.</summary>
internal static class Packed
{
    public static byte[] Codes(ReadOnlySpan<byte> codes, int bits)
    {
        var perByte = 8 / bits;
        var bytes = new byte[(codes.Length + perByte - 1) / perByte];
        for (var i = 0; i < codes.Length; i++) bytes[i / perByte] |= (byte)(codes[i] << (bits * (i % perByte)));
        return bytes;
    }
}
