using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Numerics;
using OnnxMka.Structure;

namespace OnnxMka.Cutting;

/// <summary>Matrices in float64 as revisions of what is stored.</summary>
internal static class Weights
{
    /// <summary>A matrix in a weight's place, rounded once to its type.</summary>
    /// <param name="values">[inputs, outputs]</param>
    public static Revision Revised(BlockMap map, LinearWeight weight, double[] values, int inputs, int outputs) => new(
        weight.Parameter,
        weight.Transposed ? [outputs, inputs] : [inputs, outputs],
        Encoded(map.Tensor(weight.Parameter.Initializer).Type, weight.Transposed ? Dense.Transpose(values, inputs, outputs) : values));

    /// <summary>A pair in a site's place: <c>x W -> (x A) B</c>.</summary>
    /// <param name="pair">A [inputs, rank], B [rank, outputs].</param>
    public static Revision Paired(BlockMap map, Site site, (double[] Left, double[] Right) pair, int rank)
    {
        var type = map.Tensor(site.Parameter.Initializer).Type;
        var first = new PairFirst([site.Inputs, rank], Encoded(type, pair.Left), site.Input, $"{site.Parameter.Initializer}/first_product");
        return Revised(map, site.Weight, pair.Right, rank, site.Outputs) with { First = first };
    }

    /// <summary>Values in a type, each rounded once.</summary>
    public static MemoryBytes Encoded(ElementType type, double[] values)
    {
        var bytes = new byte[checked(values.Length * (type.Bits() / 8))];
        FloatCodec.Encode(type, values, bytes);
        return new MemoryBytes(bytes);
    }
}
