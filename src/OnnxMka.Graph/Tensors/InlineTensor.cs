using System.Runtime.InteropServices;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph;

/// <summary>Small tensors that stay in the skeleton: any of the typed fields to the raw layout.</summary>
internal static class InlineTensor
{
    public static MemoryBytes Content(TensorProto tensor)
    {
        if (tensor.HasRawData) return new MemoryBytes(tensor.RawData.Memory);
        if (tensor.FloatData.Count > 0) return Bytes<float>([.. tensor.FloatData]);
        if (tensor.DoubleData.Count > 0) return Bytes<double>([.. tensor.DoubleData]);
        if (tensor.Int64Data.Count > 0) return Bytes<long>([.. tensor.Int64Data]);
        if (tensor.Int32Data.Count > 0)
            return Narrowed((ElementType)tensor.DataType, tensor.Int32Data.Select(v => (ulong)(long)v), tensor.Int32Data.Count);
        if (tensor.Uint64Data.Count > 0) return Narrowed((ElementType)tensor.DataType, tensor.Uint64Data, tensor.Uint64Data.Count);
        return new MemoryBytes(default);
    }

    private static MemoryBytes Bytes<T>(T[] values)
        where T : unmanaged => new(MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    private static MemoryBytes Narrowed(ElementType type, IEnumerable<ulong> values, int count)
    {
        var size = Math.Max(type.Bits() / 8, 1);
        var bytes = new byte[count * size];
        var offset = 0;
        foreach (var value in values)
        {
            VarintTensor.Put(value, bytes.AsSpan(offset, size));
            offset += size;
        }

        return new MemoryBytes(bytes);
    }
}
