using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>One operator of the view: a node, or one half of a fused one.</summary>
/// <param name="Slots">Input of the original node that each view input stands for.</param>
internal sealed record ViewNode(
    OnnxNode Origin,
    string Op,
    ImmutableArray<string> Inputs,
    ImmutableArray<int> Slots,
    ImmutableArray<string> Outputs)
{
    private static readonly ImmutableArray<int> _firstSlots = [.. Enumerable.Range(0, 32)];

    /// <summary>An operator that is a node as it stands.</summary>
    public ViewNode(OnnxNode origin, string op)
        : this(origin, op, origin.Inputs, FirstSlots(origin.Inputs.Length), origin.Outputs)
    {
    }

    /// <summary>Position in the view's runnable order.</summary>
    public int Position { get; init; }

    /// <summary>Epsilon of a norm, which alone of its attributes matters; null for other operators, whose attributes all do.</summary>
    public float? Epsilon { get; init; }

    /// <summary>All values that it depends on: inputs, and what its subgraphs capture.</summary>
    public ImmutableArray<string> Reads { get; } = Origin.Captures.Length == 0 ? Inputs : [.. Inputs, .. Origin.Captures];

    /// <summary>Attributes that matter.</summary>
    public IEnumerable<OnnxAttribute> Attributes =>
        Op is "Identity" or "ResidualSum" or "EmbeddingSum" || Epsilon is not null ? [] : Origin.Attributes.Values;

    private static ImmutableArray<int> FirstSlots(int count) =>
        count <= _firstSlots.Length ? ImmutableArray.Create(_firstSlots, 0, count) : [.. Enumerable.Range(0, count)];
}

/// <summary>
/// The graph as block detection sees it; the model itself is not changed.
/// <code>
/// SkipLayerNormalization(a, b, gamma, beta, bias)    ->  s = ResidualSum(a, b, bias);  y = LayerNorm(s, gamma, beta)
/// EmbedLayerNormalization(ids, ..., gamma, beta)     ->  s = EmbeddingSum(ids, ...);   y = LayerNorm(s, gamma, beta)
/// [Simplified]LayerNormalization, RMSNormalization   ->  LayerNorm / RmsNorm with epsilon only
/// Dropout(x), Cast(x) to the type of x               ->  Identity(x);   Sum(a, b) -> Add(a, b)
/// </code>
/// so that the first block and the last norm look like all others.
/// </summary>
internal sealed class NormalisedView
{
    private readonly OnnxModel _model;
    private readonly Dictionary<string, ViewNode> _producers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<(ViewNode Node, int Slot)>> _readers = new(StringComparer.Ordinal);

    private NormalisedView(GraphIndex index, OnnxModel model)
    {
        Index = index;
        _model = model;
        var nodes = ImmutableArray.CreateBuilder<ViewNode>(index.Order.Length);
        var types = new ValueTypes(index);
        foreach (var node in index.Order)
        {
            foreach (var part in types.ChangesNothing(node) ? [Passing(node)] : Split(node))
                nodes.Add(part with { Position = nodes.Count });
        }

        Nodes = nodes.ToImmutable();
        foreach (var node in Nodes)
        {
            foreach (var output in node.Outputs)
            {
                if (output.Length > 0) _producers[output] = node;
            }

            for (var i = 0; i < node.Reads.Length; i++) AddReader(node.Reads[i], node, i < node.Inputs.Length ? i : -1);
        }
    }

    public GraphIndex Index { get; }

    public ImmutableArray<ViewNode> Nodes { get; }

    public static NormalisedView Of(OnnxModel model) => new(GraphIndex.Of(model.Graph), model);

    /// <summary>
    /// Operators that a node stands for: its own, or where it calls a function of the model, those inside (nested calls too).
    /// </summary>
    public IEnumerable<string> Operators(ViewNode node) => IsCall(node) ? NodesInside(node).Select(Qualified) : [node.Op];

    /// <summary>What stands in the function that a node calls, nested calls too.</summary>
    public IEnumerable<OnnxNode> NodesInside(ViewNode node)
    {
        var pending = new Stack<OnnxNode>([node.Origin]);
        var entered = new HashSet<(string, string)>();
        while (pending.TryPop(out var next))
        {
            if (!_model.Functions.TryGetValue((next.Domain, next.OpType), out var body)) yield return next;
            else if (entered.Add((next.Domain, next.OpType)))
            {
                foreach (var inner in body.Nodes) pending.Push(inner);
            }
        }
    }

    /// <summary>The function that a node calls; null for an operator.</summary>
    public OnnxFunction? Function(OnnxNode node) =>
        _model.Functions.Count == 0 ? null : _model.Functions.GetValueOrDefault((node.Domain, node.OpType));

    /// <summary>True for a call of one of the model's own functions.</summary>
    public bool IsCall(ViewNode node) => Function(node.Origin) is not null;

    public ViewNode? Producer(string value) => _producers.GetValueOrDefault(value);

    public IReadOnlyList<(ViewNode Node, int Slot)> Readers(string value) => _readers.TryGetValue(value, out var list) ? list : [];

    /// <summary>Name of the residual sum of a fused norm: its own output where it has one, otherwise one made up for the view.</summary>
    public static string SumValue(OnnxNode fused)
    {
        var slot = SumSlot(fused);
        return fused.Outputs.Length > slot && fused.Outputs[slot].Length > 0 ? fused.Outputs[slot] : $"{fused.Outputs[0]}::sum";
    }

    /// <summary>Output of a fused norm that carries the residual sum.</summary>
    public static int SumSlot(OnnxNode fused) => fused.OpType == "EmbedLayerNormalization" ? 2 : 3;

    private void AddReader(string value, ViewNode node, int slot)
    {
        if (value.Length == 0) return;
        if (!_readers.TryGetValue(value, out var list)) _readers[value] = list = [];
        list.Add((node, slot));
    }

    private static IEnumerable<ViewNode> Split(OnnxNode node)
    {
        switch (node.Domain, node.OpType)
        {
            case ("com.microsoft", "SkipLayerNormalization"):
                return SplitFused(node, "ResidualSum", [0, 1, 4], "LayerNorm", [2, 3], 1e-12f);
            case ("com.microsoft", "SkipSimplifiedLayerNormalization"):
                return SplitFused(node, "ResidualSum", [0, 1, 3], "RmsNorm", [2], 1e-12f);
            case ("com.microsoft", "EmbedLayerNormalization"):
                return SplitFused(node, "EmbeddingSum", [0, 1, 2, 3, 4, 7, 8], "LayerNorm", [5, 6], 1e-12f);
            case ("", "LayerNormalization"):
                return [Norm(node, "LayerNorm")];
            case ("" or "com.microsoft", "SimplifiedLayerNormalization") or ("", "RMSNormalization"):
                return [Norm(node, "RmsNorm")];
            // Both pass their input on, or add two, whatever the exporter calls it.
            case ("", "Dropout") when node.Outputs.Length == 1 || node.Outputs[1].Length == 0:
                return [Passing(node)];
            case ("", "Sum") when node.Inputs.Length == 2:
                return [new ViewNode(node, "Add", node.Inputs, [0, 1], node.Outputs)];
            default:
                return [new ViewNode(node, Qualified(node))];
        }
    }

    public static string Qualified(OnnxNode node) => node.Domain.Length > 0 ? $"{node.Domain}.{node.OpType}" : node.OpType;

    private static ViewNode Passing(OnnxNode node) => new(node, "Identity", [node.Inputs[0]], [0], [node.Outputs[0]]);

    private static ViewNode Norm(OnnxNode node, string op) => new(node, op) { Epsilon = node.Float("epsilon", 1e-5f) };

    private static IEnumerable<ViewNode> SplitFused(
        OnnxNode node, string sumOp, int[] sumSlots, string normOp, int[] normSlots, float epsilon)
    {
        var sum = SumValue(node);
        yield return Part(node, sumOp, null, sumSlots, sum);
        yield return Part(node, normOp, sum, normSlots, node.Outputs[0]) with { Epsilon = node.Float("epsilon", epsilon) };
    }

    private static ViewNode Part(OnnxNode node, string op, string? first, int[] slots, string output)
    {
        var present = slots.Where(s => s < node.Inputs.Length && node.Inputs[s].Length > 0).ToArray();
        var inputs = present.Select(s => node.Inputs[s]);
        return first is null
            ? new ViewNode(node, op, [.. inputs], [.. present], [output])
            : new ViewNode(node, op, [first, .. inputs], [-1, .. present], [output]);
    }
}
