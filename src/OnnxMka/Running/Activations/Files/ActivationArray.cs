using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Running.Activations.Files;

/// <summary>An array inside a file: its type and shape, and its bytes from here on.</summary>
/// <param name="Name">For messages: the file, and the array where the file can hold several.</param>
/// <param name="Data">Little-endian elements in C order; positioned at the first.</param>
/// <param name="CheckEnd">Called after the last element was read; refuses what a checksum shows to be damaged.</param>
internal sealed record ActivationArray(
    string Name, ElementType Type, ImmutableArray<long> Shape, Stream Data, Action CheckEnd) : IDisposable
{
    /// <summary>Bytes of the shape's elements; -1 where a dimension is negative or the product is beyond any file.</summary>
    public static long ByteLength(ElementType type, IEnumerable<long> shape)
    {
        Int128 bytes = type.Bits() / 8;
        foreach (var dim in shape)
        {
            if (dim < 0) return -1;
            bytes *= dim;
            if (bytes > 1L << 56) return -1;
        }

        return (long)bytes;
    }

    public void Dispose() => Data.Dispose();
}
