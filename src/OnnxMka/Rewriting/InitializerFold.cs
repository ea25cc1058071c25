using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>A tensor of the output that was merged.</summary>
/// <param name="Block">Original number of the surviving block.</param>
/// <param name="Role">What it is in the block.</param>
/// <param name="Name">Initializer of the output that holds it.</param>
/// <param name="Kept">Initializer of the input that the surviving block had there.</param>
/// <param name="Sources">Original blocks and their weights.</param>
internal sealed record MergedParameter(int Block, string Role, string Name, string Kept, ImmutableSortedDictionary<int, double> Sources);

/// <summary>
/// Replaces every float parameter of a surviving block by the combination that the plan gives:
/// <code>
/// before   block l: MatMul(x, W_l)         block m: MatMul(x, W_m)
/// after    block l: MatMul(x, a W_l + (1 - a) W_m)
/// </code>
/// A tensor that anything else reads too is never changed: the merged block gets its own (copy on write).
/// </summary>
internal static class InitializerFold
{
    private const string Stage = "fold";

    /// <summary>Refuses quantised weights, and parameters whose type or shape differ between the blocks.</summary>
    public static ImmutableArray<MergedParameter> Script(BlockMap map, MergePlan plan, EditScript script)
    {
        var index = GraphIndex.Of(map.Model.Graph);
        var merged = plan.Groups.Where(
            g => g.IsMerge || !g.Weights.ContainsKey(g.Block)).SelectMany(g => Fold(map, index, g, plan.Only, script));
        return [.. merged];
    }

    /// <summary>The same for one surviving block.</summary>
    public static ImmutableArray<MergedParameter> Fold(BlockMap map, GraphIndex index, MergeGroup group, MergedHalf only, EditScript script)
    {
        var kept = map.Blocks[group.Block];
        if (kept.MergeObstacle is { } obstacle)
        {
            const string Next = "Use --method drop; a quantised model can be merged before it is quantised";
            throw new RefusedException("MKA043", $"block {kept.Index}", $"its {obstacle}", Next);
        }

        if (only != MergedHalf.Both && kept.Parameters.Select(p => p.Sublayer).Distinct().Count() < 2)
        {
            throw new RefusedException(
                "MKA039",
                $"block {kept.Index}",
                "its attention and its MLP cannot be told apart, as where a layer is one function call",
                "Merge both, without --only");
        }

        if (!group.Fitted.IsDefaultOrEmpty && group.Fitted.Length != kept.Parameters.Length)
        {
            throw new RefusedException(
                "MKA042",
                "the plan",
                $"it has shares for {group.Fitted.Length} parameters of block {kept.Index}, which has {kept.Parameters.Length}",
                "Make a plan for this model");
        }

        var mixed = Enumerable.Range(0, kept.Parameters.Length).Where(role => !IsLeftOut(only, kept.Parameters[role]));
        return [.. mixed.Select(role => Fold(map, index, group, kept, role, script)).OfType<MergedParameter>()];
    }

    internal static bool IsLeftOut(MergedHalf only, BlockParameter parameter) =>
        (only == MergedHalf.Attention && parameter.Sublayer != Sublayer.Attention)
            || (only == MergedHalf.Mlp && parameter.Sublayer != Sublayer.Mlp);

    private static MergedParameter? Fold(BlockMap map, GraphIndex index, MergeGroup group, Block kept, int role, EditScript script)
    {
        var parameter = kept.Parameters[role];
        var blocks = group.Weights.Keys.Where(b => b != kept.Index).Prepend(kept.Index).ToArray();
        foreach (var other in blocks.Where(b => map.Blocks[b].Kind != kept.Kind))
        {
            throw new RefusedException(
                "MKA041",
                $"blocks {kept.Index} and {other}",
                "they are of different kinds (attributes, constants, sizes or structure differ), so an average has no meaning",
                "Use --method drop, or other blocks");
        }

        var names = blocks.Select(b => map.Blocks[b].Parameters[role].Initializer).ToArray();
        // All blocks read one tensor: the combination is that tensor.
        if (names.Distinct(StringComparer.Ordinal).Count() == 1) return null;
        var weights = group.WeightsOf(role);
        var sources = blocks.Select((b, i) => (Tensor: map.Tensor(names[i]), Weight: weights.GetValueOrDefault(b))).ToArray();
        RefuseUnmergeable(kept, parameter, sources.Select(s => s.Tensor));
        var content = new MergedTensor(sources);
        var name = ParameterEdit.Replace(map, index, parameter, content, $"merged_{kept.Index}_{role}", script, Stage);
        return new MergedParameter(kept.Index, parameter.Role, name, parameter.Initializer, weights);
    }

    private static void RefuseUnmergeable(Block kept, BlockParameter parameter, IEnumerable<TensorRef> tensors)
    {
        TensorRef? first = null;
        foreach (var tensor in tensors)
        {
            first ??= tensor;
            if (!tensor.Type.IsMergeable())
            {
                throw new RefusedException(
                    "MKA043",
                    $"block {kept.Index}, {parameter.Role}",
                    $"its weights are quantised ({tensor}), which cannot be averaged",
                    "Use --method drop, or merge the unquantised model and quantise afterwards");
            }

            if (tensor.Type != first.Type || !tensor.Shape.SequenceEqual(first.Shape))
            {
                throw new RefusedException(
                    "MKA041",
                    $"block {kept.Index}, {parameter.Role}",
                    $"{first} and {tensor} differ in type or shape",
                    "Use --method drop, or other blocks");
            }
        }
    }
}
