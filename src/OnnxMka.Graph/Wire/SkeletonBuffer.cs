namespace OnnxMka.Graph;

/// <summary>
/// A protobuf message written forwards in one buffer. The length of a nested message is not known before its end: it gets a
/// varint of five bytes, padded where fewer would do, which readers accept.
/// </summary>
internal sealed class SkeletonBuffer
{
    private const int LengthBytes = 5;

    private byte[] _bytes = new byte[1 << 14];

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Length);

    public void WriteVarint(ulong value)
    {
        Reserve(10);
        Length += Varint.Write(_bytes.AsSpan(Length), value);
    }

    /// <summary>The next <paramref name="count"/> bytes, to be filled in.</summary>
    public Span<byte> Append(int count)
    {
        Reserve(count);
        Length += count;
        return _bytes.AsSpan(Length - count, count);
    }

    /// <summary>Leaves room for the length of a message that starts here; returns where its first byte will stand.</summary>
    public int BeginMessage()
    {
        Append(LengthBytes);
        return Length;
    }

    public void EndMessage(int start)
    {
        var length = (uint)(Length - start);
        for (var i = 1; i <= LengthBytes; i++, length >>= 7)
            _bytes[start - LengthBytes + i - 1] = (byte)((length & 0x7F) | (i < LengthBytes ? 0x80u : 0));
    }

    private void Reserve(int count)
    {
        if (count > _bytes.Length - Length) Array.Resize(ref _bytes, checked((int)Math.Max(_bytes.LongLength * 2, (long)Length + count)));
    }
}
