using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OwnSteps;

/// <summary>A matrix with its small weights as zeros, computed while it is read or written: the step holds no weights in memory.</summary>
internal sealed class SparseContent(TensorRef source, double below) : ComputedContent
{
    public override long Length => source.ByteLength;

    public override int ElementSize => source.Type.Bits() / 8;

    public override IEnumerable<FileRange> Sources => source.Content is FileRange range ? [range] : [];

    public override void Fill(long offset, Span<byte> destination, TensorReader reader)
    {
        reader.Read(source, offset, destination);
        var weights = new float[destination.Length / ElementSize];
        FloatCodec.Decode(source.Type, destination, weights);
        for (var i = 0; i < weights.Length; i++)
        {
            if (Math.Abs(weights[i]) < below) destination.Slice(i * ElementSize, ElementSize).Clear();
        }
    }
}

/// <summary>
/// How many weights there are of each magnitude, by the upper half of the bits of a float: 2^-7 wide, and as few for any model.
/// </summary>
internal sealed class Magnitudes
{
    private readonly long[] _counts = new long[1 << 15];

    public static Magnitudes Of(BlockMap map, CancellationToken stop)
    {
        var magnitudes = new Magnitudes();
        using var reader = new TensorReader();
        foreach (var matrix in Matrices.Of(map, map.Blocks))
        {
            stop.ThrowIfCancellationRequested();
            foreach (var weight in reader.ReadFloats(matrix)) magnitudes._counts[BitConverter.SingleToUInt32Bits(Math.Abs(weight)) >> 16]++;
        }

        return magnitudes;
    }

    /// <summary>The least bound that so large a share lies below. Magnitudes of floats and their bits have one order.</summary>
    public double Threshold(double share)
    {
        var wanted = share * _counts.Sum();
        var (bucket, below) = (0, 0L);
        while (below < wanted) below += _counts[bucket++];
        return BitConverter.UInt32BitsToSingle((uint)Math.Max(bucket, 1) << 16);
    }
}
