using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>The same function with the units of some blocks in another order.</summary>
internal static class PermutedBlocks
{
    private const string Stage = "align";

    /// <summary>Refuses what is no order of the block's units (MKA042), and blocks whose units cannot be told (MKA058).</summary>
    public static BlockMap Apply(BlockMap map, ImmutableArray<BlockPermutation> permutations)
    {
        var (view, index) = (NormalisedView.Of(map.Model), GraphIndex.Of(map.Model.Graph));
        var script = new EditScript();
        var blocks = map.Blocks.ToArray();
        // Orders of one block change different parameters, save for vectors that belong to no unit.
        foreach (var permutation in permutations)
            blocks[permutation.Block] = Permute(map, blocks[permutation.Block], view, index, permutation, script);
        return map with { Model = GraphEditor.Apply(map.Model, script), Blocks = [.. blocks] };
    }

    private static Block Permute(
        BlockMap map, Block block, NormalisedView view, GraphIndex index, BlockPermutation permutation, EditScript script)
    {
        var original = map.Blocks[block.Index];
        var units = InnerUnits.Of(map, view, original, permutation.Units);
        Check(units, permutation);
        var parameters = block.Parameters.ToBuilder();
        foreach (var (parameter, axis, from) in units.Places(map, original, permutation.Layout, permutation.From))
        {
            var content = new PermutedTensor(map.Tensor(parameter.Initializer), axis, from);
            var place = original.Parameters.IndexOf(parameter);
            var name = ParameterEdit.Replace(map, index, parameter, content, $"aligned_{block.Index}_{place}", script, Stage);
            parameters[place] = parameter with { Initializer = name };
        }

        return block with { Parameters = parameters.ToImmutable() };
    }

    private static void Check(InnerUnits inner, BlockPermutation permutation)
    {
        var from = permutation.From;
        var share = inner.Count / inner.Groups;
        var whole = !from.IsDefault
            && from.Order().SequenceEqual(Enumerable.Range(0, inner.Count))
            && Enumerable.Range(0, inner.Count).All(i => from[i] / share == from[i / share * share] / share);
        if (!whole)
        {
            var units = permutation.Units.ToString().ToLowerInvariant();
            throw new RefusedException(
                "MKA042",
                "the plan",
                $"its order of {units} in block {permutation.Block} is none of the block's {inner.Count} units",
                "Make a plan for this model");
        }
    }
}
