using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Numerics;
using OnnxMka.Rewriting;
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
        ParameterEdit.Encoded(
            map.Tensor(weight.Parameter.Initializer).Type, weight.Transposed ? Dense.Transpose(values, inputs, outputs) : values));

    /// <summary>A pair in a site's place: <c>x W -> (x A) B</c>. Where it is one already both get other values and sizes.</summary>
    /// <param name="pair">A [inputs, rank], B [rank, outputs].</param>
    public static ImmutableArray<Revision> Paired(BlockMap map, Site site, (double[] Left, double[] Right) pair, int rank)
    {
        var second = Revised(map, site.Weight, pair.Right, rank, site.Outputs);
        if (site.First is { } own) return [Revised(map, own, pair.Left, site.Inputs, rank), second];
        var type = map.Tensor(site.Parameter.Initializer).Type;
        var left = ParameterEdit.Encoded(type, pair.Left);
        var first = new PairFirst([site.Inputs, rank], left, site.Input, $"{site.Parameter.Initializer}/first_product");
        return [second with { First = first }];
    }

    /// <summary>W as it is now, [inputs, outputs]; of a pair A B.</summary>
    public static double[] Of(CompensatedModel model, Site site)
    {
        var weight = model.Weight(site.Parameter, site.Weight.Transposed, site.Weight.Inputs, site.Outputs);
        if (site.First is not { } first) return weight;
        var left = model.Weight(first.Parameter, first.Transposed, first.Inputs, first.Outputs);
        return Dense.Multiply(left, weight, first.Inputs, first.Outputs, site.Outputs);
    }

    /// <summary>Some slices of a parameter along an axis, as they are.</summary>
    /// <param name="from">Old place of each.</param>
    public static Revision Selected(CompensatedModel model, BlockParameter parameter, int axis, int[] from)
    {
        var tensor = model.Stored(parameter);
        return new Revision(parameter, tensor.Shape.SetItem(axis, from.Length), new MemoryBytes(Selected(tensor, axis, from)));
    }

    /// <summary>The same of any tensor.</summary>
    public static byte[] Selected(TensorRef tensor, int axis, int[] from)
    {
        using var reader = new TensorReader();
        var bytes = reader.ReadBytes(tensor);
        var inner = tensor.Shape.Skip(axis + 1).Aggregate(tensor.Type.Bits() / 8L, (a, b) => a * b);
        var (outer, length) = (bytes.Length / (inner * tensor.Shape[axis]), tensor.Shape[axis]);
        var selected = new byte[outer * from.Length * inner];
        for (long row = 0; row < outer; row++)
        {
            for (var i = 0; i < from.Length; i++)
            {
                bytes.AsSpan((int)(((row * length) + from[i]) * inner), (int)inner)
                    .CopyTo(selected.AsSpan((int)(((row * from.Length) + i) * inner)));
            }
        }

        return selected;
    }
}
