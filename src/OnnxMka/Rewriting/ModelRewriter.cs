using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>The smaller model: structure in memory, merged weights as functions that run when it is written.</summary>
/// <param name="Merged">Every tensor that holds a mix of blocks.</param>
/// <param name="Ports">Old to new names of renumbered cache ports, and of outputs that show the stream.</param>
/// <param name="Blocks">The remaining blocks under their new numbers and port names; their nodes are not listed.</param>
public sealed record RewrittenModel(OnnxModel Model, ImmutableArray<MergedParameter> Merged, ImmutableDictionary<string, string> Ports, BlockMap Blocks)
{
    /// <summary>Layers as the source model counts them; null where it counts them as blocks are counted.</summary>
    public SourceLayers? SourceLayers { get; init; }

    /// <summary>The model as it came.</summary>
    internal static RewrittenModel Of(BlockMap map) => new(map.Model, [], ImmutableDictionary<string, string>.Empty, map);
}

/// <summary>A plan and a model to a smaller model: align units, fold, prune, then renumber what is left.</summary>
public static class ModelRewriter
{
    /// <summary>Model metadata entry with the old numbers of the remaining blocks, as a JSON array.</summary>
    public const string LayerMapKey = "onnx-mka.original_layers";

    /// <summary>Refuses what cannot be folded or pruned; the input is never changed.</summary>
    /// <param name="keepNames">Nodes and weights keep the layer numbers in their names; cache ports never do.</param>
    public static RewrittenModel Apply(BlockMap map, MergePlan plan, bool keepNames = false)
    {
        if (plan.BlockCount != map.Count)
            throw new RefusedException("MKA042", "the plan", $"it is for {plan.BlockCount} blocks and the model has {map.Count}", "Make a plan for this model");
        if (!(plan.Units ?? []).SequenceEqual(map.HalfNames ?? []))
            throw new RefusedException("MKA042", "the plan", "it counts halves of layers and the model's blocks are layers, or other halves", "Make a plan for this model with the same --granularity");
        if (plan.Units is not null && !map.Blocks[plan.Groups[0].Block].HasAttention)
            throw new RefusedException("MKA063", map.Blocks[plan.Groups[0].Block].Name, "no attention would stand before it, and clients and block detection count layers by their attention", "Keep the first attention (--protect-first 1)");
        if (!plan.Permutations.IsDefaultOrEmpty) map = PermutedBlocks.Apply(map, plan.Permutations);
        var structure = new EditScript();
        var merged = InitializerFold.Script(map, plan, structure);
        BlockPrune.Script(map, plan, structure);
        var pruned = GraphEditor.Apply(map.Model, structure);
        BlockPrune.CheckGone(map, plan, pruned);
        if (!plan.Removed.Any()) return new RewrittenModel(pruned, merged, ImmutableDictionary<string, string>.Empty, map with { Model = pruned });
        pruned = GraphEditor.Apply(pruned, BlockPrune.InputPorts(map, plan));
        var naming = new EditScript();
        var ports = KvPortRenumber.Names(map, plan).AddRange(StreamPorts.Of(map, plan)?.Names(map, plan).Where(n => n.Key != n.Value) ?? []);
        var names = keepNames ? ports : LayerNames.Script(map, plan, pruned, ports, naming);
        KvPortRenumber.CheckFree(pruned, ports, names);
        if (names.Count > 0) naming.Add("renumber", new GraphEdit.RenameValues(names));
        StaleMetadata.Script(map, plan, naming);
        var model = GraphEditor.Apply(pruned, naming);
        return new RewrittenModel(model, [.. merged.Select(m => m with { Name = names.GetValueOrDefault(m.Name, m.Name) })], ports, Remaining(map, plan, model, ports))
        {
            SourceLayers = SourceLayers.Of(map, plan.KeptLayers),
        };
    }

    private static BlockMap Remaining(BlockMap map, MergePlan plan, OnnxModel model, ImmutableDictionary<string, string> ports)
    {
        var blocks = plan.Groups.Select((g, i) => map.Blocks[g.Block] with
        {
            Index = i,
            Layer = plan.Places[i],
            Nodes = [],
            KvInputs = Renamed(map.Blocks[g.Block].KvInputs),
            KvOutputs = Renamed(map.Blocks[g.Block].KvOutputs),
        });
        return map with { Model = model, Blocks = [.. blocks] };

        ImmutableArray<KvPort> Renamed(ImmutableArray<KvPort> old) => [.. old.Select(p => p with { Name = ports.GetValueOrDefault(p.Name, p.Name) })];
    }
}
