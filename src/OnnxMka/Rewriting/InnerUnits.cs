using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>
/// The interchangeable units inside a block: MLP neurons, or attention heads.
/// <code>
/// stream -> norm -> inner matrices -> (vectors) -> features, unit by unit -> outer matrix -> stream
/// </code>
/// The order of units is free as long as the columns of the inner matrices, the vectors between, and the rows of the outer one share it.
/// </summary>
/// <param name="Outer">Down projection, or output projection of attention.</param>
/// <param name="Features">What it multiplies.</param>
/// <param name="Inner">Up and gate, or query, key and value.</param>
/// <param name="Vectors">Biases, scales and the like behind the inner matrices.</param>
/// <param name="Count">Neurons, or query heads.</param>
/// <param name="Groups">KV heads; as many as <paramref name="Count"/> for neurons.</param>
internal sealed record InnerUnits(
    AlignUnits Kind,
    LinearWeight Outer,
    string Features,
    ImmutableArray<LinearWeight> Inner,
    ImmutableArray<BlockParameter> Vectors,
    int Count,
    int Groups)
{
    /// <summary>Columns of the features that one unit has.</summary>
    public int Width => Outer.Inputs / Count;

    /// <summary>Refuses blocks whose units cannot be told from their structure (MKA058).</summary>
    public static InnerUnits Of(BlockMap map, NormalisedView view, Block block, AlignUnits kind)
    {
        var found = UnitWalk.All(map, view, block).Where(w => w.IsAttention == (kind == AlignUnits.Heads)).ToArray();
        var name = kind == AlignUnits.Heads ? "heads" : "mlp";
        if (found is not [var walk])
            throw Refused(block, $"it has {found.Length} output matrices of that kind in plain float weights, and one is needed", name);
        var (count, groups) = kind == AlignUnits.Heads ? Heads(map, block, walk.Outer) : (walk.Outer.Inputs, walk.Outer.Inputs);
        return new InnerUnits(kind, walk.Outer, walk.Features, [.. walk.Inner], [.. walk.Vectors], count, groups);
    }

    /// <summary>
    /// Places that follow the order of the units: each with the old place of every new index. Refuses sizes that mean nothing (MKA058).
    /// </summary>
    /// <param name="from">Old place of each unit.</param>
    public IEnumerable<(BlockParameter Parameter, int Axis, int[] From)> Places(
        BlockMap map, Block block, PackedLayout layout, ImmutableArray<int> from)
    {
        var order = new UnitOrder(Kind, Count, Groups, Width, layout, from);
        yield return (Outer.Parameter, Outer.Transposed ? 1 : 0, order.Features());
        foreach (var weight in Inner)
        {
            var places = order.Columns(weight.Outputs)
                ?? throw Refused(
                    block, $"{weight.Parameter.Role} has {weight.Outputs} columns, which do not divide among its {Count} units", Name);
            yield return (weight.Parameter, weight.Transposed ? 0 : 1, places);
        }

        foreach (var vector in Vectors)
        {
            var tensor = map.Tensor(vector.Initializer);
            if (tensor.ElementCount == Width && Kind == AlignUnits.Heads) continue;
            var axis = tensor.Shape.AsSpan().IndexOf(tensor.ElementCount);
            var places = axis < 0 ? null : order.Columns((int)tensor.ElementCount);
            yield return (
                vector,
                Math.Max(axis, 0),
                places ?? throw Refused(block, $"{vector.Role} ({tensor}) does not divide among its {Count} units", Name));
        }
    }

    private string Name => Kind == AlignUnits.Heads ? "heads" : "mlp";

    /// <summary>
    /// Numbers of heads from the block's cache ports, [batch, KV heads, length, size]: one for keys and one for values, or one for both.
    /// </summary>
    private static (int Count, int Groups) Heads(BlockMap map, Block block, LinearWeight outer)
    {
        if (Math.Max(block.KvInputs.Length, block.KvOutputs.Length) > 2)
        {
            throw Refused(
                block, "it has caches for single heads, or other states beside them, and none tells its number of heads", "heads");
        }

        var ports = block.KvInputs.Concat(block.KvOutputs).Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var port in map.Model.Graph.Inputs.Concat(map.Model.Graph.Outputs).Where(p => ports.Contains(p.Name) && p.Rank >= 4))
        {
            if (!int.TryParse(port.Dimensions![^3], out var groups)
                || !int.TryParse(port.Dimensions[^1], out var size)
                || groups < 1
                || size < 1)
                continue;
            if (outer.Inputs % (groups * size) == 0) return (outer.Inputs / size, groups);
        }

        throw Refused(block, "no cache port tells its number of heads", "heads");
    }

    private static RefusedException Refused(Block block, string why, string kind) =>
        new("MKA058", $"block {block.Index}", why, $"Merge without --align {kind}");
}
