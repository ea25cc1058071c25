using System.Buffers;
using OnnxMka.Graph;

namespace OnnxMka.Rewriting;

/// <summary>
/// A tensor with one axis in another order, computed while it is written: index i of the axis holds what index from[i] held.
/// </summary>
internal sealed class PermutedTensor : ComputedContent
{
    private readonly TensorRef _source;
    private readonly int[] _from;
    private readonly long _inner;

    /// <param name="from">As long as the axis.</param>
    public PermutedTensor(TensorRef source, int axis, int[] from)
    {
        if (source.Shape[axis] != from.Length)
            throw new ArgumentException($"{from.Length} places for axis {axis} of {source}", nameof(from));
        _source = source;
        _from = from;
        _inner = source.Shape.AsSpan()[(axis + 1)..].ToArray().Aggregate(1L, (a, b) => a * b) * ElementSize;
    }

    public override long Length => _source.ByteLength;

    public override int ElementSize => _source.Type.Bits() / 8;

    /// <summary>
    /// Slabs (everything of one index of the axis) are copied whole; where they are single elements, rows of them are read at once.
    /// </summary>
    public override void Fill(long offset, Span<byte> destination, TensorReader reader)
    {
        if (_inner == ElementSize) FillRows(offset, destination, reader);
        else FillSlabs(offset, destination, reader);
    }

    private void FillSlabs(long offset, Span<byte> destination, TensorReader reader)
    {
        while (!destination.IsEmpty)
        {
            var (slab, within) = Math.DivRem(offset, _inner);
            var (row, index) = Math.DivRem(slab, _from.Length);
            var count = (int)Math.Min(_inner - within, destination.Length);
            reader.Read(_source, (((row * _from.Length) + _from[index]) * _inner) + within, destination[..count]);
            destination = destination[count..];
            offset += count;
        }
    }

    private void FillRows(long offset, Span<byte> destination, TensorReader reader)
    {
        var size = ElementSize;
        var length = _from.Length * size;
        var buffer = ArrayPool<byte>.Shared.Rent(length);
        while (!destination.IsEmpty)
        {
            var (row, within) = Math.DivRem(offset, length);
            var count = (int)Math.Min(length - within, destination.Length);
            reader.Read(_source, row * length, buffer.AsSpan(0, length));
            for (var i = 0; i < count; i += size) buffer.AsSpan(_from[(within + i) / size] * size, size).CopyTo(destination[i..]);
            destination = destination[count..];
            offset += count;
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }
}
