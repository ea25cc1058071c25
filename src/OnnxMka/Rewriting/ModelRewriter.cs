using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>A model without the blocks that a plan removes; everything that is left has the names that it had.</summary>
/// <param name="Merged">Every tensor that holds a mix of blocks.</param>
/// <param name="Blocks">The blocks that are left, under their new numbers.</param>
internal sealed record ReducedModel(OnnxModel Model, ImmutableArray<MergedParameter> Merged, BlockMap Blocks);

/// <summary>The smaller model: structure in memory, merged weights as functions that run when it is written.</summary>
/// <param name="Merged">Every tensor that holds a mix of blocks.</param>
/// <param name="Ports">Old to new names of renumbered cache ports, and of outputs that show the stream.</param>
/// <param name="Blocks">The remaining blocks under their new numbers and names.</param>
internal sealed record RewrittenModel(
    OnnxModel Model, ImmutableArray<MergedParameter> Merged, ImmutableDictionary<string, string> Ports, BlockMap Blocks)
{
    /// <summary>Layers as the source model counts them; null where it counts them as blocks are counted.</summary>
    public SourceLayers? SourceLayers { get; init; }

    /// <summary>Neurons of the MLPs, each number once, where they are others than they were; else empty.</summary>
    public ImmutableSortedSet<int> Widths { get; init; } = [];
}

/// <summary>
/// A plan and a model to a smaller model: align units, fold, prune, then renumber what is left. Blocks are carried along, not found anew.
/// </summary>
internal static class ModelRewriter
{
    /// <summary>Model metadata entry with the old numbers of the remaining blocks, as a JSON array.</summary>
    public const string LayerMapKey = "onnx-mka.original_layers";

    /// <summary>Both steps at once. Refuses what cannot be folded or pruned; the input is never changed.</summary>
    /// <param name="keepNames">Nodes and weights keep the layer numbers in their names; cache ports never do.</param>
    public static RewrittenModel Apply(BlockMap map, MergePlan plan, bool keepNames = false) =>
        Renumber(map, plan, Reduce(map, plan), keepNames);

    /// <summary>Folds and prunes. Refuses what cannot be; the input is never changed.</summary>
    public static ReducedModel Reduce(BlockMap map, MergePlan plan)
    {
        if (plan.BlockCount != map.Count)
        {
            throw new RefusedException(
                "MKA042", "the plan", $"it is for {plan.BlockCount} blocks and the model has {map.Count}", "Make a plan for this model");
        }

        if (!(plan.Units ?? []).SequenceEqual(map.HalfNames ?? []))
        {
            throw new RefusedException(
                "MKA042",
                "the plan",
                "it counts halves of layers and the model's blocks are layers, or other halves",
                "Make a plan for this model with the same --granularity");
        }

        if (plan.Units is not null && !map.Blocks[plan.Groups[0].Block].HasAttention)
        {
            throw new RefusedException(
                "MKA063",
                map.Blocks[plan.Groups[0].Block].Name,
                "no attention would stand before it, and clients and block detection count layers by their attention",
                "Keep the first attention (--protect-first 1)");
        }

        map = Aligned(map, plan);
        var structure = new EditScript();
        var merged = InitializerFold.Script(map, plan, structure);
        BlockPrune.Script(map, plan, structure);
        var pruned = GraphEditor.Apply(map.Model, structure);
        BlockPrune.CheckGone(map, plan, pruned);
        if (plan.Removed.Any()) pruned = GraphEditor.Apply(pruned, BlockPrune.InputPorts(map, plan));
        return new ReducedModel(pruned, merged, BlockDetector.Between(pruned, CarriedSeams.Of(map, plan)));
    }

    /// <summary>
    /// Numbers layers anew in the names of a reduced model, and brings metadata in line. Refuses cache ports whose new names are taken.
    /// </summary>
    /// <param name="map">The blocks that the plan was applied to.</param>
    /// <param name="reduced">What <see cref="Reduce"/> gave, or the same with other weights or more nodes.</param>
    /// <param name="keepNames">Nodes and weights keep the layer numbers in their names; cache ports never do.</param>
    public static RewrittenModel Renumber(BlockMap map, MergePlan plan, ReducedModel reduced, bool keepNames = false)
    {
        if (!plan.Removed.Any())
            return new RewrittenModel(reduced.Model, reduced.Merged, ImmutableDictionary<string, string>.Empty, reduced.Blocks);
        map = Aligned(map, plan);
        var naming = new EditScript();
        var ports = KvPortRenumber.Names(map, plan).AddRange(
            StreamPorts.Of(map, plan)?.Names(map, plan).Where(n => n.Key != n.Value) ?? []);
        var names = keepNames ? ports : LayerNames.Script(map, plan, reduced.Model, ports, naming);
        KvPortRenumber.CheckFree(reduced.Model, ports, names);
        if (names.Count > 0) naming.Add("renumber", new GraphEdit.RenameValues(names));
        StaleMetadata.Script(map, plan, naming);
        var model = GraphEditor.Apply(reduced.Model, naming);
        var blocks = SeamHint.Between(model, CarriedSeams.Renamed(reduced.Blocks, model, names));
        var merged = reduced.Merged.Select(m => m with { Name = names.GetValueOrDefault(m.Name, m.Name) });
        return new RewrittenModel(blocks.Model, [.. merged], ports, blocks)
        {
            SourceLayers = SourceLayers.Of(map, plan.KeptLayers),
        };
    }

    private static BlockMap Aligned(BlockMap map, MergePlan plan) =>
        plan.Permutations.IsDefaultOrEmpty ? map : PermutedBlocks.Apply(map, plan.Permutations);
}
