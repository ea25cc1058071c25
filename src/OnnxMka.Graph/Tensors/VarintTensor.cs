using System.Buffers.Binary;
using OnnxMka.Graph.Wire;

namespace OnnxMka.Graph;

/// <summary>Packed <c>int32_data</c>/<c>int64_data</c>/<c>uint64_data</c> to the raw layout: one varint an element, narrowed to the type.</summary>
internal static class VarintTensor
{
    /// <summary>Raw bytes of a tensor whose elements are stored as varints.</summary>
    public static byte[] Decode(ReadOnlySpan<byte> packed, TensorRef tensor)
    {
        var size = tensor.Type.Bits() / 8;
        // Sub-byte types pack several elements into one int32_data entry, which holds one byte.
        var entries = size == 0 ? tensor.ByteLength : tensor.ElementCount;
        var entrySize = Math.Max(size, 1);
        if (entries > packed.Length)
            throw Mismatch(tensor);
        var raw = new byte[checked((int)tensor.ByteLength)];
        var position = 0;
        for (var i = 0; i < entries; i++)
        {
            if (!Varint.TryRead(packed, ref position, out var value))
                throw Mismatch(tensor);
            Put(value, raw.AsSpan(i * entrySize, entrySize));
        }

        if (position != packed.Length)
            throw Mismatch(tensor);
        return raw;
    }

    public static void Put(ulong value, Span<byte> destination)
    {
        switch (destination.Length)
        {
            case 1: destination[0] = (byte)value; break;
            case 2: BinaryPrimitives.WriteUInt16LittleEndian(destination, (ushort)value); break;
            case 4: BinaryPrimitives.WriteUInt32LittleEndian(destination, (uint)value); break;
            default: BinaryPrimitives.WriteUInt64LittleEndian(destination, value); break;
        }
    }

    private static RefusedException Mismatch(TensorRef tensor) => new(
        "MKA006", tensor.Name, $"its data do not fill the shape [{string.Join(',', tensor.Shape)}]", "The file is damaged; export it again");
}
