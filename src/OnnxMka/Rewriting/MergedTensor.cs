using System.Buffers;
using System.Collections.Immutable;
using System.Numerics.Tensors;
using OnnxMka.Graph;

namespace OnnxMka.Rewriting;

/// <summary>
/// Convex combination of equally shaped tensors, computed while it is written:
/// <code>theta = theta_0 + sum_i w_i (theta_i - theta_0)</code>
/// in float64, rounded once. The form is that of algorithm section 2.5 with weights that sum to 1, and returns theta_0 bit for
/// bit where all tensors are equal. A tensor of weight 0 is not read.
/// </summary>
internal sealed class MergedTensor : ComputedContent
{
    private const int BlockLength = 512;

    private readonly TensorRef _base;
    private readonly ImmutableArray<(TensorRef Tensor, double Weight)> _others;

    /// <param name="sources">Tensors of one element type and shape with weights that sum to 1; the first is the block that is kept.</param>
    public MergedTensor(IReadOnlyList<(TensorRef Tensor, double Weight)> sources)
    {
        _base = sources[0].Tensor;
        _others = [.. sources.Skip(1).Where(s => s.Weight != 0)];
    }

    public override long Length => _base.ByteLength;

    public override int ElementSize => _base.Type.Bits() / 8;

    public override IEnumerable<FileRange> Sources => _others.Select(o => o.Tensor).Prepend(_base).Select(t => t.Content).OfType<FileRange>();

    public override void Fill(long offset, Span<byte> destination, TensorReader reader)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(destination.Length * (_others.Length + 1)); // [sources, chunk]
        for (var source = 0; source <= _others.Length; source++)
            reader.Read(source == 0 ? _base : _others[source - 1].Tensor, offset, bytes.AsSpan(source * destination.Length, destination.Length));
        Combine(bytes, destination);
        ArrayPool<byte>.Shared.Return(bytes);
    }

    /// <summary>Block by block, so that the float64 numbers never leave the first-level cache.</summary>
    private void Combine(ReadOnlySpan<byte> sources, Span<byte> destination)
    {
        Span<double> values = stackalloc double[3 * BlockLength];
        var blockBytes = BlockLength * ElementSize;
        for (var start = 0; start < destination.Length; start += blockBytes)
        {
            var length = Math.Min(blockBytes, destination.Length - start);
            var count = length / ElementSize;
            var first = values[..count];
            var other = values.Slice(BlockLength, count);
            var total = values.Slice(2 * BlockLength, count);
            FloatCodec.Decode(_base.Type, sources.Slice(start, length), first);
            first.CopyTo(total);
            for (var i = 0; i < _others.Length; i++)
            {
                FloatCodec.Decode(_base.Type, sources.Slice(((i + 1) * destination.Length) + start, length), other);
                TensorPrimitives.Subtract(other, first, other);
                TensorPrimitives.MultiplyAdd(other, _others[i].Weight, total, total);
            }

            FloatCodec.Encode(_base.Type, total, destination.Slice(start, length));
        }
    }
}
