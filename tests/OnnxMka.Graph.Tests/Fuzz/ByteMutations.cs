using OnnxMka.Graph;

namespace OnnxMka.Graph.Tests.Fuzz;

/// <summary>Damage to a file that knows nothing of its format, and to the lengths in it.</summary>
internal static class ByteMutations
{
    private static readonly byte[] Extremes = [0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x3A, 0x2A, 0x4A, 0x72];

    private static readonly ulong[] Lengths =
    [
        0, 1, 127, 128, 1024, 1 << 20, int.MaxValue, 1L << 31, uint.MaxValue, 1L << 40, long.MaxValue, ulong.MaxValue,
    ];

    public static byte[] Apply(byte[] bytes, int[] structure, FuzzFixture other, Random random)
    {
        if (bytes.Length == 0) return bytes;
        var at = random.Next(5) > 0 ? Math.Min(structure[random.Next(structure.Length)], bytes.Length - 1) : random.Next(bytes.Length);
        var length = Math.Min(1 << random.Next(0, 10), bytes.Length - at);
        switch (random.Next(9))
        {
            case 0:
                return Changed(bytes, at, (byte)(bytes[at] ^ (1 << random.Next(8))));
            case 1:
                var flipped = (byte[])bytes.Clone();
                for (var i = random.Next(2, 9); i > 0; i--)
                    flipped[structure[random.Next(structure.Length)] % flipped.Length] ^= (byte)(1 << random.Next(8));
                return flipped;
            case 2:
                return Changed(bytes, at, Extremes[random.Next(Extremes.Length)]);
            case 3:
                return bytes[..at];
            case 4:
                return [.. bytes.AsSpan(0, at), .. bytes.AsSpan(at + length)];
            case 5:
                return [.. bytes.AsSpan(0, at + length), .. bytes.AsSpan(at)];
            case 6:
                var inserted = new byte[random.Next(1, 20)];
                random.NextBytes(inserted);
                return [.. bytes.AsSpan(0, at), .. inserted, .. bytes.AsSpan(at)];
            case 7:
                var from = other.StructurePositions[random.Next(other.StructurePositions.Length)];
                return
                [
                    .. bytes.AsSpan(0, at),
                    .. other.Bytes.AsSpan(from, Math.Min(length, other.Bytes.Length - from)),
                    .. bytes.AsSpan(at),
                ];
            default:
                return WithLength(bytes, at, Lengths[random.Next(Lengths.Length)] + (ulong)random.Next(0, 2));
        }
    }

    private static byte[] Changed(byte[] bytes, int at, byte value)
    {
        var changed = (byte[])bytes.Clone();
        changed[at] = value;
        return changed;
    }

    /// <summary>Overwrites the number that follows the next byte with a tag of wire type 2.</summary>
    private static byte[] WithLength(byte[] bytes, int at, ulong length)
    {
        while (at < bytes.Length - 1 && (bytes[at] & 7) != 2) at++;
        if (at >= bytes.Length - 1) return bytes;
        var end = at + 1;
        Varint.TryRead(bytes, ref end, out _);
        Span<byte> number = stackalloc byte[10];
        return [.. bytes.AsSpan(0, at + 1), .. number[..Varint.Write(number, length)], .. bytes.AsSpan(end)];
    }
}
