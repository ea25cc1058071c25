using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Running.Activations;
using OnnxMka.Structure;

namespace OnnxMka.Running.Parts;

/// <summary>
/// A stretch of a model between two seams, as a model of its own: structure only, its weights stay where they lie.
/// <code>
/// whole     ids -> prelude -> seam -1 -> block 0 -> seam 0 -> ... -> seam L-1 -> epilogue -> logits
/// block l   ids, mask, positions, empty cache of block l, stream (= seam l-1) -> seam l
/// </code>
/// The model may be an edited one (other weights, other nodes inside the block), as long as the seams keep their names.
/// </summary>
internal sealed class BlockPart
{
    private const string Stage = "cut";
    private const string Stream = "onnx-mka.stream";
    private const string Norm = "onnx-mka.stream.norm";
    private const string End = "onnx-mka.stream.end";
    private const string Tap = "onnx-mka.stream.tap";

    private readonly OnnxModel _model;
    private readonly PartReach _reach;
    private readonly Seam? _from;
    private readonly Seam? _to;
    private readonly Pooling? _pooling;

    private BlockPart(OnnxModel model, BlockMap map, int place, ImmutableArray<string> taps, Pooling? pooling)
    {
        _model = model;
        _pooling = pooling;
        Map = map;
        Place = place;
        Taps = taps;
        _from = place < 0 ? null : SeamIn(model, map, place < map.Count ? map.Blocks[place].Input : map.Blocks[^1].Output);
        _to = place >= map.Count ? null : SeamIn(model, map, place < 0 ? map.Blocks[0].Input : map.Blocks[place].Output);
        _reach = Reach(model);
        PartBounds.Check(this, _reach.Nodes.Select(n => model.Graph.Nodes[n]), _to?.SkipNorm);
    }

    /// <summary>Number of the block; -1 for the prelude, L for the epilogue.</summary>
    public int Place { get; }

    /// <summary>Values inside the part that are read too when it runs.</summary>
    public ImmutableArray<string> Taps { get; }

    /// <summary>Weights and constants that the part reads; the value of a Constant node has the node's output as its name.</summary>
    public IEnumerable<TensorRef> Weights => _reach.Leaves
        .Where(_model.Graph.Initializers.ContainsKey)
        .Select(l => _model.Graph.Initializers[l])
        .Concat(_reach.Nodes.Select(n => _model.Graph.Nodes[n]).Where(n => n.OpType == "Constant")
            .SelectMany(n => n.Attributes.Values.Select(a => a.Tensor).OfType<TensorRef>().Select(t => t with { Name = n.Outputs[0] })));

    internal string Name => Place < 0 ? "the prelude" : Place < Map.Count ? $"block {Place}" : "the epilogue";

    internal BlockMap Map { get; }

    /// <summary>The same with the ports of the model that it is cut out of, which may be sized otherwise.</summary>
    internal BlockMap Ports => Map with { Model = _model };

    /// <summary>A block. Refuses one that reads from other blocks more than the stream (MKA024).</summary>
    /// <param name="model">The map's model, or one edited from it.</param>
    public static BlockPart Of(OnnxModel model, BlockMap map, int block)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)block, (uint)map.Count, nameof(block));
        return new BlockPart(model, map, block, [], null);
    }

    /// <summary>Token ids to the seam that block 0 reads.</summary>
    public static BlockPart Prelude(OnnxModel model, BlockMap map) => new(model, map, -1, [], null);

    /// <summary>The last seam to the logits.</summary>
    public static BlockPart Epilogue(OnnxModel model, BlockMap map) => new(model, map, map.Count, [], null);

    /// <summary>The same part, which also gives the values of that name when it runs.</summary>
    public BlockPart Tapping(params ReadOnlySpan<string> values) => new(_model, Map, Place, [.. values], _pooling);

    /// <summary>The same block, which also gives the pooled rows of its output, as the last tap.</summary>
    internal BlockPart Pooled(Pooling pooling) => new(_model, Map, Place, Taps, pooling);

    /// <summary>The part as a model. Its first output is the seam (or the logits), the others are the taps.</summary>
    /// <param name="stream">What the part before left; null for the prelude.</param>
    internal PartModel Cut(StreamForm? stream)
    {
        var script = new EditScript();
        foreach (var output in _model.Graph.Outputs) script.Add(Stage, new GraphEdit.DropOutputPort(output.Name));
        foreach (var input in _model.Graph.FedInputs.Where(i => !_reach.Leaves.Contains(i.Name)))
            script.Add(Stage, new GraphEdit.DropInputPort(input.Name));
        if (_from is not null) StartFrom(_from, stream!, script);
        if (_to is not null) SeamAccess.Expose(_model, _to, script, Stage);
        var end = _to?.Value ?? Logits(script);
        ImmutableArray<string> outputs = [end, .. Taps.Select((tap, i) => Tapped(tap, i, script))];
        foreach (var output in outputs) script.Add(Stage, new GraphEdit.AddOutputPort(output, ElementType.Undefined));
        var model = GraphEditor.Apply(_model, script);
        return _pooling is { } pooling
            ? WithPooledEnd(model, pooling, outputs)
            : new PartModel(model, _from is null ? null : Stream, outputs);
    }

    /// <summary>Every reader of the seam reads the new input; a norm fused with the seam's sum is computed from it.</summary>
    private void StartFrom(Seam seam, StreamForm stream, EditScript script)
    {
        var tokens = Map.Model.Graph.Inputs.First(i => i.Name == Map.TokenInput);
        ImmutableArray<string> dimensions = tokens.Rank == 2
            ? [.. tokens.Dimensions!, $"{stream.Width}"]
            : ["onnx-mka.batch", "onnx-mka.tokens", $"{stream.Width}"];
        script.Add(Stage, new GraphEdit.AddInputPort(Stream, stream.Type, dimensions));
        foreach (var node in _reach.ShapeReaders) script.Add(Stage, new GraphEdit.SetInput(node, 0, Stream));
        if (seam.SkipNorm is { } index)
        {
            var fused = _model.Graph.Nodes[index];
            script.Add(Stage, new GraphEdit.AddNode(FusedNorm.OfSum(fused, Stream, Norm)));
            script.Add(Stage, new GraphEdit.RedirectReaders(fused.Outputs[0], Norm));
        }

        script.Add(Stage, new GraphEdit.RedirectReaders(seam.Value, Stream));
    }

    /// <summary>What a part starts from is an input of it, or computed from one under another name.</summary>
    private string Tapped(string tap, int number, EditScript script)
    {
        if (!StartValues().Contains(tap, StringComparer.Ordinal)) return tap;
        var name = $"{Tap}.{number}";
        script.Add(Stage, new GraphEdit.AddNode(new NodeSpec("Identity", [tap == _from!.Value ? Stream : Norm], [name], name)));
        return name;
    }

    /// <summary>Where the head was left out, the logits may be the seam itself or its norm.</summary>
    private string Logits(EditScript script)
    {
        if (!StartValues().Contains(Map.Logits, StringComparer.Ordinal)) return Map.Logits;
        script.Add(Stage, new GraphEdit.AddNode(new NodeSpec("Identity", [Map.Logits == _from!.Value ? Stream : Norm], [End], End)));
        return End;
    }

    /// <summary>The tap that the whole model would get there: the same operators, so the same sums in the same order.</summary>
    private PartModel WithPooledEnd(OnnxModel model, Pooling pooling, ImmutableArray<string> outputs)
    {
        var block = Map.Blocks[Place] with { Output = new Seam(outputs[0], null) };
        var tap = ActivationTap.On(Map with { Model = model, Blocks = [block] }, pooling);
        var script = new EditScript();
        script.Add(Stage, new GraphEdit.DropOutputPort(tap.Outputs[0]));
        foreach (var output in outputs) script.Add(Stage, new GraphEdit.AddOutputPort(output, ElementType.Undefined));
        script.Add(Stage, new GraphEdit.AddOutputPort(tap.Outputs[0], ElementType.Float));
        return new PartModel(GraphEditor.Apply(tap.Model, script), Stream, [.. outputs, tap.Outputs[0]]);
    }

    private PartReach Reach(OnnxModel model)
    {
        var streams = Map.Seams.Prepend(Map.Blocks[0].Input).Select(s => s.Value);
        string[] ends = _to is null ? [Map.Logits, .. Taps] : _to.IsFused ? [.. Taps] : [_to.Value, .. Taps];
        return PartReach.Of(GraphIndex.Of(model.Graph), ends, _to?.SkipNorm, [.. StartValues()], streams);
    }

    private IEnumerable<string> StartValues()
    {
        if (_from is null) yield break;
        yield return _from.Value;
        if (_from.SkipNorm is { } index) yield return _model.Graph.Nodes[index].Outputs[0];
    }

    /// <summary>The seam with the index that its skip-norm has in the edited model: found by the norm's name, which stays.</summary>
    private static Seam SeamIn(OnnxModel model, BlockMap map, Seam seam)
    {
        if (seam.SkipNorm is not { } index || ReferenceEquals(model, map.Model)) return seam;
        var norm = map.Model.Graph.Nodes[index].Outputs[0];
        var node = model.Graph.Nodes.FirstOrDefault(n => n.Outputs.Length > 0 && n.Outputs[0] == norm)
            ?? throw new ArgumentException($"the edited model has no value '{norm}', which a seam of the map needs", nameof(model));
        return new Seam(seam.Value, node.Index);
    }
}

/// <summary>The stream as the part before left it.</summary>
internal sealed record StreamForm(ElementType Type, int Width);

/// <summary>A part that can be loaded.</summary>
/// <param name="Stream">Input that takes the stream; null for the prelude.</param>
/// <param name="Outputs">The seam or the logits first, then the taps.</param>
internal sealed record PartModel(OnnxModel Model, string? Stream, ImmutableArray<string> Outputs);
