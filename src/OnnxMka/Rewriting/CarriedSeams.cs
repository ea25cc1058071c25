using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>
/// Which seams are left, and what they are called then:
/// <code>
/// before   seam a -> removed -> seam b -> next
/// after    seam a -> next       (seam b -> next, where a fused norm takes over the operands of the one before)
/// </code>
/// </summary>
internal static class CarriedSeams
{
    /// <summary>Units of the pruned model: the blocks that stay, numbered by the layers that are left.</summary>
    public static StreamUnits Of(BlockMap map, MergePlan plan)
    {
        var removed = plan.Removed.ToHashSet();
        var seams = ImmutableArray.CreateBuilder<string>();
        for (var seam = 0; seam <= map.Count; seam++)
        {
            var first = seam;
            while (removed.Contains(seam)) seam++;
            seams.Add(SeamBypass.Lasts(map, first, seam) ? SeamValue(map, seam) : SeamValue(map, first));
        }

        var units = plan.Groups.Zip(plan.Places, (group, layer) => new StreamUnit(layer, map.Blocks[group.Block].Half));
        return new StreamUnits(seams.ToImmutable(), [.. units]).Renamed();
    }

    /// <summary>The same units in the model whose values have other names; its nodes stand where they stood.</summary>
    /// <param name="names">Old to new names.</param>
    public static StreamUnits Renamed(BlockMap map, OnnxModel model, ImmutableDictionary<string, string> names)
    {
        // A fused sum that is no value of the graph is named after the node's output.
        string Name(Seam seam) =>
            seam.SkipNorm is { } fused
                ? NormalisedView.SumValue(model.Graph.Nodes[fused])
                : names.GetValueOrDefault(seam.Value, seam.Value);
        return StreamUnits.Of(map) with { Seams = [.. map.Seams.Prepend(map.Blocks[0].Input).Select(Name)] };
    }

    /// <param name="seam">0 is what block 0 reads, k what block k - 1 leaves.</param>
    public static string SeamValue(BlockMap map, int seam) => seam < map.Count ? map.Blocks[seam].Input.Value : map.Blocks[^1].Output.Value;
}
