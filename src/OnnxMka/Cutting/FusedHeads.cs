using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Structure;

namespace OnnxMka.Cutting;

/// <summary>
/// The heads of a unit's GroupQueryAttention, which wants keys and values of one size:
/// <list type="bullet">
/// <item>queries and keys lose whole rotary pairs (p, p + d/2), one set a block, and the tables the same columns;</item>
/// <item>values are folded into as many columns (<see cref="ValueHeads"/>);</item>
/// <item>scores stay divided by the root of the old size.</item>
/// </list>
/// </summary>
internal sealed class FusedHeads
{
    private readonly CompensatedModel _model;
    private readonly ViewNode _node;
    private readonly HeadInput _queries;
    private readonly HeadInput _keys;
    private readonly ImmutableArray<(int Node, int Slot, TensorRef Table)> _tables;
    private readonly string _suffix;

    private FusedHeads(
        CompensatedModel model,
        int place,
        ViewNode node,
        (HeadInput Queries, HeadInput Keys) inputs,
        ValueHeads values,
        ImmutableArray<(int Node, int Slot, TensorRef Table)> tables)
    {
        _model = model;
        _node = node;
        (_queries, _keys) = inputs;
        Values = values;
        _tables = tables;
        _suffix = $"kv_{model.Map.Blocks[place].Name}";
    }

    public ValueHeads Values { get; }

    /// <summary>Columns of a head, of keys as of values.</summary>
    public int Size => Values.Size;

    /// <summary>Queries and keys before they are rotated.</summary>
    public (string Queries, string Keys) Taps => (_queries.Value, _keys.Value);

    /// <summary>True for a unit whose attention is that operator.</summary>
    public static bool IsOf(CompensatedModel model, int place) => Node(model, model.Map.Blocks[place]) is not null;

    /// <summary>The heads of a unit, or why they cannot be narrower. Nothing is run.</summary>
    public static (FusedHeads? Found, string? Obstacle) Of(CompensatedModel model, int place)
    {
        var (map, view, block) = (model.Map, model.View, model.Map.Blocks[place]);
        if (Node(model, block) is not { } node) return (null, "its attention is not one GroupQueryAttention");
        if (Flaw(node) is { } flaw) return (null, flaw);
        var (queries, keys, values) = (Input(0), Input(1), Input(2));
        if ((queries.Obstacle ?? keys.Obstacle ?? values.Obstacle) is { } obstacle) return (null, obstacle);
        if (values.Found!.Rotary is not null) return (null, "it rotates values");
        if (UnitWalk.All(map, view, block).Where(w => w.IsAttention).ToArray() is not [var walk] || walk.Features != node.Outputs[0])
            return (null, "its result is not what an output projection in plain float weights reads");
        using var numbers = new SmallConstants(view.Index);
        string[] ports = [node.Inputs[3], node.Inputs[4], node.Outputs[1], node.Outputs[2]];
        var own = block.KvInputs.Concat(block.KvOutputs).Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        if (!ports.All(own.Contains)) return (null, "its keys and values are not ports of the graph");
        var others = ports.SelectMany(view.Readers).Where(r => r.Node != node && !HeadSizes.IsLength(r.Node, view, numbers));
        if (others.FirstOrDefault() is { Node: { } reader }) return (null, $"{reader.Op} reads its cache too ({reader.Origin.Label})");
        if (KvShape.Of(map.Model.Graph, ports[0]) is not { } shape || KvShape.Of(map.Model.Graph, ports[1]) != shape)
            return (null, $"{ports[0]} and {ports[1]} do not say one number of heads and one size, or are no float tensors");
        var heads = new ValueHeads(
            model, (walk.Outer, walk.Features), (values.Found.Weight, values.Found.Biases), [shape], _ => new EditScript());
        if (heads.Flaw is { } other) return (null, other);
        if (queries.Found!.Weight.Outputs != heads.Count * shape.Size || keys.Found!.Weight.Outputs != heads.Groups * shape.Size)
            return (null, "queries and keys have not as many columns as its heads");
        if ((queries.Found.Rotary is null) != (keys.Found.Rotary is null)) return (null, "it rotates one of queries and keys alone");
        if (node.Origin.Int("do_rotary", 0) != 0 && queries.Found.Rotary is not null) return (null, "it rotates twice");
        var tables = Places(node, queries.Found, keys.Found)
            .Select(p => (p.Node.Origin.Index, p.Slot, Table: Table(map, p.Node.Inputs[p.Slot], shape.Size)))
            .ToArray();
        if (tables.Any(t => t.Table is null)) return (null, "its rotary tables are computed, or not of half a head");
        ImmutableArray<(int, int, TensorRef)> found = [.. tables.Select(t => (t.Index, t.Slot, t.Table!))];
        return (new FusedHeads(model, place, node, (queries.Found, keys.Found), heads, found), null);

        (HeadInput? Found, string? Obstacle) Input(int slot) => HeadInput.Of(map, view, block, node.Inputs[slot]);
    }

    /// <summary>Why the unit computes something else with heads of that size; null where it does not.</summary>
    /// <param name="sample">The unit's input: a few windows.</param>
    public string? Disproof(int place, int size, BlockChain chain, SeamActivations sample, CancellationToken ct)
    {
        var pairs = Spread(size);
        return HeadProof.Disproof(_model, place, chain, sample, Silent(size), () => Form(size, pairs, Values.Selected(size)), ct);
    }

    /// <summary>Zeros for the columns that the proof leaves out.</summary>
    public IEnumerable<Revision> Silent(int size) =>
        _queries.Silent(_model, Columns(Values.Count, Spread(size))).Append(Values.Silent(size));

    /// <summary>Heads of that size, chosen by what reaches scores and output.</summary>
    /// <param name="gram">Of what the output projection multiplies.</param>
    /// <param name="queries">Energy of each of its columns.</param>
    /// <param name="keys">The same.</param>
    public NarrowForm Narrowed(double[] gram, double[] queries, double[] keys, int size) =>
        Form(size, RotaryPairs.Kept(queries, keys, Size, size / 2), Values.Narrowed(gram, size));

    private NarrowForm Form(int size, int[] pairs, NarrowForm values)
    {
        var script = new EditScript();
        foreach (var table in _tables.Select(t => t.Table).DistinctBy(t => t.Name))
        {
            var content = _model.Put(Weights.Selected(table, 1, pairs));
            var narrow = new TensorRef($"{table.Name}/{_suffix}", table.Type, [table.Shape[0], pairs.Length], content);
            script.Add(HeadSizes.Stage, new GraphEdit.AddInitializer(narrow, table.Name));
        }

        foreach (var (node, slot, table) in _tables)
            script.Add(HeadSizes.Stage, new GraphEdit.SetInput(node, slot, $"{table.Name}/{_suffix}"));
        if (_node.Origin.Float("scale", 0) == 0)
            script.Add(HeadSizes.Stage, new GraphEdit.SetFloat(_node.Origin.Index, "scale", (float)(1 / Math.Sqrt(Size))));
        HeadSizes.Resize(script, _model.Map, [_node.Inputs[3], _node.Inputs[4], _node.Outputs[1], _node.Outputs[2]], Size, size);
        return new NarrowForm(
            [
                .. values.Revisions,
                .. _queries.Keeping(_model, Columns(Values.Count, pairs)),
                .. _keys.Keeping(_model, Columns(Values.Groups, pairs)),
            ],
            script);
    }

    /// <summary>So many pairs, some of each region.</summary>
    private int[] Spread(int size) => [.. Enumerable.Range(0, size / 2).Select(i => i * Size / size)];

    private int[] Columns(int heads, int[] pairs)
    {
        int[] own = [.. pairs, .. pairs.Select(p => (Size / 2) + p)];
        return [.. Enumerable.Range(0, heads).SelectMany(_ => own, (head, column) => (head * Size) + column)];
    }

    private static ViewNode? Node(CompensatedModel model, Block block)
    {
        var own = block.Nodes.ToHashSet();
        var found = model.View.Nodes.Where(n => own.Contains(n.Origin.Index) && MixerOperators.IsAttention(n.Op)).ToArray();
        return found is [{ Op: "com.microsoft.GroupQueryAttention" } node] ? node : null;
    }

    private static string? Flaw(ViewNode node) =>
        node.Inputs.Length < 5 || node.Outputs.Length < 3 ? "it has no cache"
        : node.Inputs[1].Length == 0 || node.Inputs[2].Length == 0 ? $"queries, keys and values are one product ({node.Origin.Label})"
        : node.Origin.Int("rotary_interleaved", 0) != 0 ? $"it rotates neighbours ({node.Origin.Label})"
        : node.Inputs.Skip(12).Any(i => i.Length > 0) ? $"its cache is quantised ({node.Origin.Label})"
        : null;

    /// <summary>Where the rotations of a block have their tables.</summary>
    private static IEnumerable<(ViewNode Node, int Slot)> Places(ViewNode node, HeadInput queries, HeadInput keys)
    {
        if (node.Origin.Int("do_rotary", 0) != 0) return [(node, 7), (node, 8)];
        return new[] { queries, keys }.SelectMany(i => i.Tables, (input, slot) => (input.Rotary!, slot));
    }

    private static TensorRef? Table(BlockMap map, string name, int size) =>
        map.Model.Graph.Initializers.TryGetValue(name, out var tensor)
        && tensor.Shape is [_, var columns] && columns == size / 2 && tensor.Type.IsMergeable()
            ? tensor
            : null;
}
