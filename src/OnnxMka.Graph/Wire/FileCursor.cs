using Microsoft.Win32.SafeHandles;

namespace OnnxMka.Graph;

/// <summary>Reads an <c>.onnx</c> file forwards through a small buffer and skips tensor bytes without touching them.</summary>
internal sealed class FileCursor(SafeFileHandle handle, string name)
{
    private const int SmallestRead = 4 * 1024;

    private readonly byte[] _buffer = new byte[64 * 1024];
    private long _bufferStart;
    private int _bufferLength;
    private int _readSize = SmallestRead;

    public string Name { get; } = name;

    public long Length { get; } = RandomAccess.GetLength(handle);

    public long Position { get; private set; }

    public void Skip(long count) => Position += count;

    public byte ReadByte()
    {
        if (Position < _bufferStart || Position >= _bufferStart + _bufferLength) Refill();
        return _buffer[Position++ - _bufferStart];
    }

    public ulong ReadVarint(long end)
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (Position >= end) throw Truncated();
            var b = ReadByte();
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return value;
        }

        throw Malformed("a number longer than ten bytes");
    }

    public void Read(Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            if (Position < _bufferStart || Position >= _bufferStart + _bufferLength) Refill();
            var from = (int)(Position - _bufferStart);
            var count = Math.Min(destination.Length, _bufferLength - from);
            _buffer.AsSpan(from, count).CopyTo(destination);
            destination = destination[count..];
            Position += count;
        }
    }

    public RefusedException Truncated() => new(
        "MKA002",
        Name,
        $"it ends in the middle of a message (at byte {Math.Min(Position, Length)})",
        "The file was cut; download or export it again");

    public RefusedException Malformed(string what) => new(
        "MKA001", Name, $"it is not an ONNX model ({what} at byte {Position})", "Give the .onnx file of an exported decoder LLM");

    /// <summary>Reads more at a time while reading goes straight on, and little after a jump over a tensor.</summary>
    private void Refill()
    {
        _readSize = Position == _bufferStart + _bufferLength ? Math.Min(_readSize * 4, _buffer.Length) : SmallestRead;
        _bufferStart = Position;
        _bufferLength = RandomAccess.Read(handle, _buffer.AsSpan(0, _readSize), Position);
        if (_bufferLength <= 0) throw Truncated();
    }
}
