using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
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

    public override IEnumerable<FileRange> Sources =>
        _others.Select(o => o.Tensor).Prepend(_base).Select(t => t.Content).OfType<FileRange>();

    public override void Fill(long offset, Span<byte> destination, TensorReader reader)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(destination.Length * (_others.Length + 1)); // [sources, chunk]
        for (var source = 0; source <= _others.Length; source++)
        {
            reader.Read(
                source == 0 ? _base : _others[source - 1].Tensor, offset, bytes.AsSpan(source * destination.Length, destination.Length));
        }

        Combine(bytes, destination);
        ArrayPool<byte>.Shared.Return(bytes);
    }

    /// <summary>Block by block, so that the float64 numbers never leave the first-level cache.</summary>
    private void Combine(ReadOnlySpan<byte> sources, Span<byte> destination)
    {
        Span<double> values = stackalloc double[BlockLength];
        Span<float> narrow = stackalloc float[2 * BlockLength];
        var blockBytes = BlockLength * ElementSize;
        for (var start = 0; start < destination.Length; start += blockBytes)
        {
            var length = Math.Min(blockBytes, destination.Length - start);
            var total = values[..(length / ElementSize)];
            if (_base.Type == ElementType.Double)
            {
                var first = MemoryMarshal.Cast<byte, double>(sources.Slice(start, length));
                first.CopyTo(total);
                for (var i = 0; i < _others.Length; i++)
                {
                    AddShare(
                        MemoryMarshal.Cast<byte, double>(sources.Slice(((i + 1) * destination.Length) + start, length)),
                        first,
                        _others[i].Weight,
                        total);
                }
            }
            else
            {
                var first = Narrow(sources.Slice(start, length), narrow[..total.Length]);
                if (_others.IsEmpty) FloatCodec.Decode(_base.Type, sources.Slice(start, length), total);
                for (var i = 0; i < _others.Length; i++)
                {
                    AddShare(
                        Narrow(sources.Slice(((i + 1) * destination.Length) + start, length), narrow.Slice(BlockLength, total.Length)),
                        first,
                        _others[i].Weight,
                        total,
                        i == 0);
                }
            }

            FloatCodec.Encode(_base.Type, total, destination.Slice(start, length));
        }
    }

    /// <summary>Elements of 16 or 32 bits as float32: the bytes themselves where they are that already.</summary>
    private ReadOnlySpan<float> Narrow(ReadOnlySpan<byte> bytes, Span<float> buffer)
    {
        if (_base.Type == ElementType.Float) return MemoryMarshal.Cast<byte, float>(bytes);
        FloatCodec.Decode(_base.Type, bytes, buffer);
        return buffer;
    }

    /// <summary>total += weight (other - first), both widened on the way; for the first share total is set, to first and that.</summary>
    private static void AddShare(ReadOnlySpan<float> other, ReadOnlySpan<float> first, double weight, Span<double> total, bool set)
    {
        first = first[..other.Length];
        total = total[..other.Length];
        var i = 0;
        for (; i <= other.Length - Vector512<double>.Count; i += Vector512<double>.Count)
        {
            Vector512<double> own = Widen(first[i..]), share = (Widen(other[i..]) - own) * weight;
            ((set ? own : Vector512.Create<double>(total[i..])) + share).CopyTo(total[i..]);
        }

        for (; i < other.Length; i++) total[i] = (set ? first[i] : total[i]) + ((other[i] - (double)first[i]) * weight);
    }

    private static Vector512<double> Widen(ReadOnlySpan<float> source)
    {
        var single = Vector256.Create(source);
        return Avx512F.IsSupported
            ? Avx512F.ConvertToVector512Double(single)
            : Vector512.Create(Vector256.WidenLower(single), Vector256.WidenUpper(single));
    }

    private static void AddShare(ReadOnlySpan<double> other, ReadOnlySpan<double> first, double weight, Span<double> total)
    {
        for (var i = 0; i < other.Length; i++) total[i] += (other[i] - first[i]) * weight;
    }
}
