using System.Runtime.InteropServices;
using Google.Protobuf;
using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Makes tensor messages.</summary>
internal static class Tensors
{
    public static TensorProto Floats(ElementType type, ReadOnlySpan<float> values, params ReadOnlySpan<int> shape)
    {
        if (type == ElementType.Float) return Raw(type, MemoryMarshal.AsBytes(values), shape);
        var bytes = new byte[values.Length * type.Bits() / 8];
        var wide = new double[values.Length];
        for (var i = 0; i < wide.Length; i++) wide[i] = values[i];
        FloatCodec.Encode(type, wide, bytes);
        return Raw(type, bytes, shape);
    }

    public static TensorProto Ints(ReadOnlySpan<long> values, bool scalar = false)
    {
        ReadOnlySpan<int> shape = scalar ? [] : [values.Length];
        return Raw(ElementType.Int64, MemoryMarshal.AsBytes(values), shape);
    }

    public static TensorProto Raw(ElementType type, ReadOnlySpan<byte> bytes, params ReadOnlySpan<int> shape)
    {
        var tensor = new TensorProto { DataType = (int)type, RawData = ByteString.CopyFrom(bytes) };
        foreach (var dim in shape) tensor.Dims.Add(dim);
        return tensor;
    }

    /// <summary>The value in the notation of the GenAI builder: <c>[0, -1, 64]</c> or <c>1</c>.</summary>
    public static string Text(TensorProto tensor)
    {
        var bytes = tensor.RawData.Span;
        string[] values = (ElementType)tensor.DataType switch
        {
            ElementType.Int64 => [.. MemoryMarshal.Cast<byte, long>(bytes).ToArray().Select(v => $"{v}")],
            ElementType.Int32 => [.. MemoryMarshal.Cast<byte, int>(bytes).ToArray().Select(v => $"{v}")],
            ElementType.Float => [.. MemoryMarshal.Cast<byte, float>(bytes).ToArray().Select(v => $"{v:R}")],
            ElementType.Float16 => [.. MemoryMarshal.Cast<byte, Half>(bytes).ToArray().Select(v => $"{v:R}")],
            var type => throw new NotSupportedException($"No notation for constants of type {type}"),
        };
        return tensor.Dims.Count == 0 ? values[0] : $"[{string.Join(", ", values)}]";
    }
}
