using System.Collections.Immutable;

namespace OnnxMka.Graph;

/// <summary>A tensor as name, type, shape and the place of its bytes; no bytes.</summary>
public sealed record TensorRef(string Name, ElementType Type, ImmutableArray<long> Shape, TensorContent Content)
{
    /// <summary>Product of the shape; checked against the content's length when the model is loaded.</summary>
    public long ElementCount { get; } = CountElements(Shape);

    /// <summary>Bytes in the raw layout.</summary>
    public long ByteLength => BytesFor(Type, ElementCount);

    /// <summary>File name of the external data, as the model gives it; null where the bytes lie in the model file.</summary>
    public string? Location { get; init; }

    public override string ToString() => $"{Name} {Type.ToString().ToLowerInvariant()}[{string.Join(',', Shape)}]";

    internal static long BytesFor(ElementType type, long elements) => (long)(((Int128)elements * type.Bits() + 7) / 8);

    /// <summary>Product of dimensions, or -1 where one is negative or the product passes 2^56.</summary>
    internal static long CountElements(IEnumerable<long> shape)
    {
        Int128 product = 1;
        var zero = false;
        foreach (var dim in shape)
        {
            if (dim < 0) return -1;
            if (dim == 0) { zero = true; continue; }
            product *= dim;
            if (product > 1L << 56) return -1;
        }

        return zero ? 0 : (long)product;
    }
}
