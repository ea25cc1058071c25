using System.Buffers;
using System.Collections.Immutable;
using System.Numerics;
using System.Runtime.InteropServices;
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
        Span<double> values = stackalloc double[2 * BlockLength];
        Span<float> narrow = stackalloc float[BlockLength];
        var blockBytes = BlockLength * ElementSize;
        for (var start = 0; start < destination.Length; start += blockBytes)
        {
            var length = Math.Min(blockBytes, destination.Length - start);
            var count = length / ElementSize;
            var first = values[..count];
            var total = values.Slice(BlockLength, count);
            FloatCodec.Decode(_base.Type, sources.Slice(start, length), first);
            first.CopyTo(total);
            for (var i = 0; i < _others.Length; i++)
            {
                var bytes = sources.Slice(((i + 1) * destination.Length) + start, length);
                if (_base.Type == ElementType.Double)
                {
                    AddShare(MemoryMarshal.Cast<byte, double>(bytes), first, _others[i].Weight, total);
                    continue;
                }

                FloatCodec.Decode(_base.Type, bytes, narrow[..count]);
                AddShare(narrow[..count], first, _others[i].Weight, total);
            }

            FloatCodec.Encode(_base.Type, total, destination.Slice(start, length));
        }
    }

    /// <summary>total += weight (other - first), other widened on the way.</summary>
    private static void AddShare(ReadOnlySpan<float> other, ReadOnlySpan<double> first, double weight, Span<double> total)
    {
        var i = 0;
        for (; i <= other.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(other[i..]), out var low, out var high);
            var j = i + Vector<double>.Count;
            (new Vector<double>(total[i..]) + ((low - new Vector<double>(first[i..])) * weight)).CopyTo(total[i..]);
            (new Vector<double>(total[j..]) + ((high - new Vector<double>(first[j..])) * weight)).CopyTo(total[j..]);
        }

        for (; i < other.Length; i++) total[i] += (other[i] - first[i]) * weight;
    }

    private static void AddShare(ReadOnlySpan<double> other, ReadOnlySpan<double> first, double weight, Span<double> total)
    {
        for (var i = 0; i < other.Length; i++) total[i] += (other[i] - first[i]) * weight;
    }
}
