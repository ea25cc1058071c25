using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>
/// What in a graph does not depend on any input: initializers, Constant nodes and what is computed from them
/// (<c>Transpose(W)</c>, <c>DequantizeLinear(W)</c>).
/// </summary>
internal sealed class ConstantValues
{
    private readonly NormalisedView _view;
    private readonly HashSet<string> _constant = new(StringComparer.Ordinal);
    private readonly HashSet<string> _tables = new(StringComparer.Ordinal);
    private readonly HashSet<string> _scales;
    private readonly Dictionary<string, TensorRef> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<(OnnxFunction Function, string Arguments), ImmutableArray<int>> _insideFunctions = [];

    public ConstantValues(StreamSegments segments)
    {
        var (view, dependent) = (segments.Stream.View, segments.Stream.Dependent);
        _view = view;
        _scales = ResidualJoin.Scales(segments).ToHashSet(StringComparer.Ordinal);
        _constant.UnionWith(view.Index.Graph.Initializers.Keys);
        Func<string, bool> isFixed = value => value.Length == 0 || _constant.Contains(value);
        foreach (var node in view.Nodes)
        {
            if (node.Op == "Constant" && node.Origin.Attributes.TryGetValue("value", out var attribute) && attribute.Tensor is { } value)
                _values[node.Outputs[0]] = value;
            if (node.Origin.Captures.Length == 0 && node.Inputs.All(isFixed)) _constant.UnionWith(node.Outputs);
        }

        foreach (var node in view.Nodes) CollectTables(node, dependent);
    }

    public bool Contains(string value) => _constant.Contains(value);

    /// <summary>The stored tensor of an initializer or Constant node; null for computed constants.</summary>
    public TensorRef? Tensor(string value) =>
        _view.Index.Graph.Initializers.TryGetValue(value, out var tensor) ? tensor : _values.GetValueOrDefault(value);

    /// <summary>
    /// True for tensors that are look-up tables rather than learned weights: rotary caches, inverse frequencies, masks. They
    /// tell kinds of blocks apart by content, and are not averaged.
    /// </summary>
    public bool IsTable(string value) => _tables.Contains(value);

    /// <summary>
    /// True for a stored tensor that is learned: no table, no shape, no scalar but those of residual joins and quantised weights.
    /// </summary>
    /// <param name="reader">The operator that reads it; null where it is not known.</param>
    public bool IsLearned(TensorRef tensor, string value, ViewNode? reader) =>
        !IsTable(value)
            && (IsWeight(tensor) || _scales.Contains(value) || (reader is not null && QuantisedWeights.ReadsWeights(reader, _view)));

    /// <summary>True for a stored tensor that may be learned, by type and size.</summary>
    public static bool IsWeight(TensorRef tensor) =>
        tensor.ElementCount > 1 && (tensor.Type.IsMergeable() || QuantisedWeights.IsPacked(tensor.Type));

    /// <summary>Stored tensors that a constant value is computed from.</summary>
    public IEnumerable<string> Leaves(string value)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var pending = new Stack<string>([value]);
        while (pending.TryPop(out var next))
        {
            if (next.Length == 0 || !seen.Add(next)) continue;
            if (Tensor(next) is not null) yield return next;
            else foreach (var input in _view.Producer(next)?.Inputs ?? []) pending.Push(input);
        }
    }

    private void CollectTables(ViewNode node, HashSet<string> dependent)
    {
        if (!node.Inputs.Any(_constant.Contains) || node.Outputs.All(_constant.Contains)) return;
        var tables = TableSlots(
            node.Origin, node.Op, node.Inputs, node.Slots, node.Outputs.Any(dependent.Contains), dependent.Contains, _constant.Contains);
        foreach (var i in tables) _tables.UnionWith(Leaves(node.Inputs[i]));
    }

    /// <summary>Inputs (by place) of an operator or function call at which a constant serves as a table.</summary>
    private IEnumerable<int> TableSlots(
        OnnxNode origin,
        string op,
        IReadOnlyList<string> inputs,
        IReadOnlyList<int> slots,
        bool isDependent,
        Func<string, bool> dependent,
        Func<string, bool> constant)
    {
        if (_view.Function(origin) is { } function) return InsideFunction(function, inputs, dependent, constant);
        var rotary = RotarySlots(op);
        // A constant that meets positions or masks (values from inputs, not from embeddings) is a table.
        return Enumerable.Range(0, inputs.Count).Where(i => constant(inputs[i]) && (!isDependent || rotary.Contains(slots[i])));
    }

    /// <summary>
    /// Each function is walked once for the same kinds of arguments: functions that call functions would be walked 2^n times.
    /// </summary>
    private ImmutableArray<int> InsideFunction(
        OnnxFunction function, IReadOnlyList<string> arguments, Func<string, bool> dependent, Func<string, bool> constant)
    {
        var kinds = string.Concat(arguments.Select(a => dependent(a) ? 'd' : constant(a) ? 'c' : '-'));
        if (!_insideFunctions.TryGetValue((function, kinds), out var slots))
            _insideFunctions[(function, kinds)] = slots = WalkFunction(function, arguments, dependent, constant);
        return slots;
    }

    private ImmutableArray<int> WalkFunction(
        OnnxFunction function, IReadOnlyList<string> arguments, Func<string, bool> dependent, Func<string, bool> constant)
    {
        var given = function.Inputs.Zip(arguments).ToArray();
        var inside = given.Where(g => dependent(g.Second)).Select(g => g.First).ToHashSet(StringComparer.Ordinal);
        var fixedInside = given.Where(g => constant(g.Second)).Select(g => g.First).ToHashSet(StringComparer.Ordinal);
        var tables = new HashSet<string>(StringComparer.Ordinal);
        foreach (var node in function.Nodes)
        {
            var isDependent = node.OpType is not ("Shape" or "Size") && node.Inputs.Any(inside.Contains);
            if (isDependent) inside.UnionWith(node.Outputs);
            if (node.Inputs.All(i => i.Length == 0 || fixedInside.Contains(i))) fixedInside.UnionWith(node.Outputs);
            else tables.UnionWith(
                TableSlots(
                    node,
                    NormalisedView.Qualified(node),
                    node.Inputs,
                    [.. Enumerable.Range(0, node.Inputs.Length)],
                    isDependent,
                    inside.Contains,
                    fixedInside.Contains).Select(i => node.Inputs[i]));
        }

        return [.. Enumerable.Range(0, given.Length).Where(i => tables.Contains(given[i].First))];
    }

    private static int[] RotarySlots(string op) => op switch
    {
        "com.microsoft.RotaryEmbedding" or "com.microsoft.MRotaryEmbedding" or "MRotaryEmbedding" => [2, 3],
        "RotaryEmbedding" => [1, 2],
        "com.microsoft.GroupQueryAttention" => [7, 8],
        "com.microsoft.SparseAttention" => [5, 6, 9, 10],
        _ => [],
    };
}
