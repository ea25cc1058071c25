using System.Globalization;
using System.Text.Json;
using OnnxMka.Graph.Editing;
using OnnxMka.Json;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>Model metadata that speaks of layers: renumbered where it is understood, removed where it would be false.</summary>
internal static class StaleMetadata
{
    private const string Stage = "renumber";
    private const string SplitAssignments = "split_assignments";
    private const string GraphSignature = "pkg.torch.export.ExportedProgram.graph_signature";

    public static void Script(BlockMap map, MergePlan plan, EditScript script)
    {
        var originals = plan.Units is null
            ? Listed(plan.Groups.Select(g => g.Block))
            : Listed(plan.Groups.Select(g => plan.NameOf(g.Block)));
        script.Add(Stage, new GraphEdit.SetMetadata(ModelRewriter.LayerMapKey, originals));
        if (map.Model.Metadata.ContainsKey(GraphSignature)) script.Add(Stage, new GraphEdit.SetMetadata(GraphSignature, null));
        if (map.Model.Metadata.TryGetValue(SplitAssignments, out var assignments))
            script.Add(Stage, new GraphEdit.SetMetadata(SplitAssignments, Renumbered(assignments, plan)));
    }

    private static string Listed<T>(IEnumerable<T> originals) => JsonSerializer.Serialize(originals, JsonForm.Line);

    /// <summary><c>model.layers.0=0;model.layers.1=0;lm_head=1</c>: entries of removed layers go, the others follow their layer.</summary>
    private static string Renumbered(string assignments, MergePlan plan)
    {
        var place = plan.KeptLayers.Select((layer, i) => (layer, i)).ToDictionary(g => g.layer, g => g.i);
        var kept = new List<string>();
        foreach (var entry in assignments.Split(';', StringSplitOptions.RemoveEmptyEntries))
        {
            var name = entry.Split('=')[0];
            var dot = name.LastIndexOf('.');
            if (!name[..Math.Max(dot, 0)].EndsWith("layers", StringComparison.Ordinal)
                || !int.TryParse(name[(dot + 1)..], CultureInfo.InvariantCulture, out var layer))
                kept.Add(entry);
            else if (place.TryGetValue(layer, out var number)) kept.Add($"{name[..(dot + 1)]}{number}{entry[name.Length..]}");
        }

        return string.Join(';', kept);
    }
}
