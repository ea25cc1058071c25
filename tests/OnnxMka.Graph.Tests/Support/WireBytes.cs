using OnnxMka.Graph;

namespace OnnxMka.Graph.Tests;

/// <summary>Protobuf fields by hand, for what no serialiser would write.</summary>
internal static class WireBytes
{
    public static byte[] Header(int field, long length)
    {
        var buffer = new byte[20];
        var count = Varint.Write(buffer, ((ulong)field << 3) | 2);
        count += Varint.Write(buffer.AsSpan(count), (ulong)length);
        return buffer[..count];
    }

    public static byte[] Delimited(int field, ReadOnlySpan<byte> bytes) => [.. Header(field, bytes.Length), .. bytes];

    public static byte[] Number(int field, ulong value)
    {
        var buffer = new byte[20];
        var count = Varint.Write(buffer, (ulong)field << 3);
        count += Varint.Write(buffer.AsSpan(count), value);
        return buffer[..count];
    }

    /// <summary>The same bytes many times.</summary>
    public static byte[] Repeat(ReadOnlySpan<byte> unit, int count)
    {
        var bytes = new byte[unit.Length * count];
        for (var i = 0; i < count; i++) unit.CopyTo(bytes.AsSpan(i * unit.Length));
        return bytes;
    }
}
