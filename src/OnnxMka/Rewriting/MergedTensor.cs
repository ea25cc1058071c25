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

    public override void Fill(long offset, Span<byte> destination, TensorReader reader)
    {
        var count = destination.Length / ElementSize;
        var bytes = ArrayPool<byte>.Shared.Rent(destination.Length);
        var sum = ArrayPool<double>.Shared.Rent(count * 3);
        var total = sum.AsSpan(0, count);
        var first = sum.AsSpan(count, count);
        var other = sum.AsSpan(2 * count, count);
        Decode(_base, offset, bytes.AsSpan(0, destination.Length), first, reader);
        first.CopyTo(total);
        foreach (var (tensor, weight) in _others)
        {
            Decode(tensor, offset, bytes.AsSpan(0, destination.Length), other, reader);
            TensorPrimitives.Subtract(other, first, other);
            TensorPrimitives.MultiplyAdd(other, weight, total, total);
        }

        FloatCodec.Encode(_base.Type, total, destination);
        ArrayPool<double>.Shared.Return(sum);
        ArrayPool<byte>.Shared.Return(bytes);
    }

    private static void Decode(TensorRef tensor, long offset, Span<byte> bytes, Span<double> values, TensorReader reader)
    {
        reader.Read(tensor, offset, bytes);
        FloatCodec.Decode(tensor.Type, bytes, values);
    }
}
