using System.Collections.Immutable;
using System.Text.Json;
using OnnxMka.Blocks;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Planning;

namespace OnnxMka.Rewriting;

/// <summary>The smaller model: structure in memory, merged weights as functions that run when it is written.</summary>
/// <param name="Merged">Every tensor that holds a mix of blocks.</param>
/// <param name="Ports">Old to new names of renumbered cache ports.</param>
public sealed record RewrittenModel(OnnxModel Model, ImmutableArray<MergedParameter> Merged, ImmutableDictionary<string, string> Ports);

/// <summary>A plan and a model to a smaller model: fold, prune, then renumber what is left.</summary>
public static class ModelRewriter
{
    /// <summary>Model metadata entry with the old numbers of the remaining blocks, as a JSON array.</summary>
    public const string LayerMapKey = "onnx-mka.original_layers";

    /// <summary>Refuses what cannot be folded or pruned; the input is never changed.</summary>
    public static RewrittenModel Apply(BlockMap map, MergePlan plan)
    {
        if (plan.BlockCount != map.Count)
            throw new RefusedException("MKA042", "the plan", $"it is for {plan.BlockCount} blocks and the model has {map.Count}", "Make a plan for this model");
        var structure = new EditScript();
        var merged = InitializerFold.Script(map, plan, structure);
        BlockPrune.Script(map, plan, structure);
        var pruned = GraphEditor.Apply(map.Model, structure);
        BlockPrune.CheckGone(map, plan, pruned);
        if (!plan.Removed.Any()) return new RewrittenModel(pruned, merged, ImmutableDictionary<string, string>.Empty);
        var naming = new EditScript();
        var ports = KvPortRenumber.Names(map, plan);
        KvPortRenumber.Script(ports, naming);
        naming.Add("renumber", new GraphEdit.SetMetadata(LayerMapKey, JsonSerializer.Serialize(plan.Groups.Select(g => g.Block))));
        return new RewrittenModel(GraphEditor.Apply(pruned, naming), merged, ports);
    }
}
