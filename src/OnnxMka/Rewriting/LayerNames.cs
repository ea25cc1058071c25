using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>
/// Renumbers the layer in the names of a block's own nodes, values and weights, together with its cache ports:
/// <code>
/// before   /model/layers.7/mlp/down_proj/MatMul   model.layers.7.input_layernorm.weight      (block 7, new number 5)
/// after    /model/layers.5/mlp/down_proj/MatMul   model.layers.5.input_layernorm.weight
/// </code>
/// The block decides, never the number alone: nodes that several layers share keep their names, whatever layer these tell.
/// </summary>
internal static partial class LayerNames
{
    private const string Stage = "renumber";

    /// <summary>Adds the renames of a pruned model. Names that are taken get a suffix.</summary>
    /// <param name="original">Blocks of the model before pruning.</param>
    /// <param name="pruned">The model after it; survivors are found by the names of their outputs.</param>
    /// <param name="ports">Old to new names of cache ports; they win over the layer's number.</param>
    public static ImmutableDictionary<string, string> Script(
        BlockMap original, MergePlan plan, OnnxModel pruned, ImmutableDictionary<string, string> ports, EditScript script)
    {
        var owner = Owners(original, plan);
        var outputs = pruned.Graph.Outputs.Select(o => o.Name).ToHashSet(StringComparer.Ordinal);
        var owned = pruned.Graph.Nodes
            .Select(n => (Node: n, First: n.Outputs.FirstOrDefault(o => o.Length > 0)))
            .Where(n => n.First is not null && owner.ContainsKey(n.First))
            .Select(n => (n.Node, Place: owner[n.First!]))
            .ToArray();
        var nodes = owned.Select(n => (Old: n.Node.Name, New: Renumbered(n.Node.Name, n.Place), n.Node.Index))
            .Where(n => n.New is not null)
            .ToArray();
        var nodeNames = Staying(pruned.Graph.Nodes.Select(n => n.Name), nodes.Select(n => n.Old));
        foreach (var node in nodes) script.Add(Stage, new GraphEdit.RenameNode(node.Index, Unique(node.New!, nodeNames)));

        var written = owned.SelectMany(
            n => n.Node.Outputs.Where(o => o.Length > 0 && !outputs.Contains(o)).Select(o => (Old: o, New: Renumbered(o, n.Place))));
        var weights = pruned.Graph.Initializers.Keys.Where(owner.ContainsKey).Select(w => (Old: w, New: Renumbered(w, owner[w])));
        var values = written.Concat(weights).Where(v => v.New is not null && !ports.ContainsKey(v.Old)).ToArray();
        var valueNames = Staying(AllValues(pruned), values.Select(v => v.Old).Concat(ports.Keys));
        valueNames.UnionWith(ports.Values);
        return ports.AddRange(values.Select(v => KeyValuePair.Create(v.Old, Unique(v.New!, valueNames))));
    }

    /// <summary>Old and new number of the block that writes a value, or that alone reads a weight.</summary>
    private static Dictionary<string, (int Old, int New)> Owners(BlockMap map, MergePlan plan)
    {
        var owners = new Dictionary<string, (int Old, int New)>(StringComparer.Ordinal);
        var moved = plan.Groups.Zip(plan.Places, (g, place) => (Block: map.Blocks[g.Block], New: place))
            .Where(g => g.Block.Layer != g.New)
            .ToArray();
        foreach (var (block, place) in moved)
        {
            foreach (var output in block.Nodes.SelectMany(n => map.Model.Graph.Nodes[n].Outputs).Where(o => o.Length > 0))
                owners[output] = (block.Layer, place);
        }

        var readers = map.Blocks
            .SelectMany(b => b.Parameters.Select(p => (p.Initializer, b.Index)).Distinct())
            .ToLookup(p => p.Initializer, p => p.Index, StringComparer.Ordinal);
        foreach (var weight in readers.Where(r => r.Count() == 1))
        {
            if (moved.FirstOrDefault(m => m.Block.Index == weight.Single()) is { Block: { } block, New: var place })
                owners[weight.Key] = (block.Layer, place);
        }

        return owners;
    }

    /// <summary>Inputs, weights and what nodes write.</summary>
    internal static IEnumerable<string> AllValues(OnnxModel model) => model.Graph.Nodes.SelectMany(n => n.Outputs)
        .Concat(model.Graph.Initializers.Keys)
        .Concat(model.Graph.Inputs.Select(i => i.Name));

    /// <summary>Names that stay, and are therefore not to be had.</summary>
    internal static HashSet<string> Staying(IEnumerable<string> all, IEnumerable<string> leaving)
    {
        var staying = all.ToHashSet(StringComparer.Ordinal);
        staying.ExceptWith(leaving);
        return staying;
    }

    private static string Unique(string name, HashSet<string> taken)
    {
        var unique = name;
        for (var i = 1; !taken.Add(unique); i++) unique = $"{name}_r{i}";
        return unique;
    }

    private static string? Renumbered(string name, (int Old, int New) place)
    {
        var renamed = LayerNumber().Replace(name, m =>
            m.Groups["number"].Value == place.Old.ToString(CultureInfo.InvariantCulture)
                ? m.Groups["prefix"].Value + place.New.ToString(CultureInfo.InvariantCulture)
                : m.Value);
        return renamed == name ? null : renamed;
    }

    [
        GeneratedRegex(
            @"(?<prefix>(?<![A-Za-z])(layers?|h|blocks?|blk|decoder_layers?)[._])(?<number>[0-9]+)(?![0-9])",
            RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
            Timeout.Infinite),
    ]
    private static partial Regex LayerNumber();
}
