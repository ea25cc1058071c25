using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace OnnxMka.Graph;

/// <summary>
/// Packed <c>int32_data</c>/<c>int64_data</c>/<c>uint64_data</c> to the raw layout: one varint an element, narrowed to the type.
/// </summary>
internal static class VarintTensor
{
    private const int ChunkBytes = 256 * 1024;

    /// <summary>Raw bytes of a tensor whose elements are stored as varints.</summary>
    public static byte[] Decode(ReadOnlySpan<byte> packed, TensorRef tensor)
    {
        var entries = Entries(tensor);
        var entrySize = EntrySize(tensor);
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

    /// <summary>Raw bytes of a tensor of any size, a chunk at a time; each chunk is valid until the next one.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> DecodeChunks(SafeFileHandle file, PackedVarints packed, TensorRef tensor)
    {
        var input = new byte[ChunkBytes];
        var entrySize = EntrySize(tensor);
        var output = new byte[ChunkBytes * entrySize];
        var left = Entries(tensor);
        var held = 0;
        for (var offset = packed.Offset; offset < packed.Offset + packed.Length;)
        {
            var want = (int)Math.Min(input.Length - held, packed.Offset + packed.Length - offset);
            var read = RandomAccess.Read(file, input.AsSpan(held, want), offset);
            if (read <= 0) throw Mismatch(tensor);
            offset += read;
            var (consumed, filled) = DecodeAvailable(input.AsSpan(0, held + read), output, entrySize);
            left -= filled / entrySize;
            if (left < 0 || (consumed == 0 && held + read == input.Length)) throw Mismatch(tensor);
            held = held + read - consumed;
            input.AsSpan(consumed, held).CopyTo(input);
            yield return output.AsMemory(0, filled);
        }

        if (left != 0 || held != 0) throw Mismatch(tensor);
    }

    private static (int Consumed, int Filled) DecodeAvailable(ReadOnlySpan<byte> input, Span<byte> output, int entrySize)
    {
        var consumed = 0;
        var filled = 0;
        for (var position = 0; Varint.TryRead(input, ref position, out var value); consumed = position, filled += entrySize)
            Put(value, output.Slice(filled, entrySize));
        return (consumed, filled);
    }

    /// <summary>Numbers that are stored. Types below a byte pack several elements into one, which holds one byte.</summary>
    public static long Entries(TensorRef tensor) => tensor.Type.Bits() < 8 ? tensor.ByteLength : tensor.ElementCount;

    /// <summary>Bytes of the raw layout that one stored number fills.</summary>
    public static int EntrySize(TensorRef tensor) => Math.Max(tensor.Type.Bits() / 8, 1);

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
        "MKA006",
        tensor.Name,
        $"its data do not fill the shape [{string.Join(',', tensor.Shape)}]",
        "The file is damaged; export it again");
}
