using OnnxMka.Graph;

namespace OnnxMka.Blocks;

/// <summary>
/// What in a graph does not depend on any input: initializers, Constant nodes and what is computed from them
/// (<c>Transpose(W)</c>, <c>DequantizeLinear(W)</c>).
/// </summary>
internal sealed class ConstantValues
{
    private readonly NormalisedView _view;
    private readonly HashSet<string> _constant = new(StringComparer.Ordinal);
    private readonly HashSet<string> _tables = new(StringComparer.Ordinal);

    public ConstantValues(NormalisedView view, HashSet<string> dependent)
    {
        _view = view;
        _constant.UnionWith(view.Index.Graph.Initializers.Keys);
        foreach (var node in view.Nodes)
        {
            if (node.Origin.Captures.Length == 0 && node.Inputs.All(i => i.Length == 0 || _constant.Contains(i)))
                _constant.UnionWith(node.Outputs);
        }

        foreach (var node in view.Nodes) CollectTables(node, dependent);
    }

    public bool Contains(string value) => _constant.Contains(value);

    /// <summary>The stored tensor of an initializer or Constant node; null for computed constants.</summary>
    public TensorRef? Tensor(string value)
    {
        if (_view.Index.Graph.Initializers.TryGetValue(value, out var tensor)) return tensor;
        return _view.Producer(value) is { Op: "Constant" } node && node.Origin.Attributes.TryGetValue("value", out var attribute) ? attribute.Tensor : null;
    }

    /// <summary>
    /// True for tensors that are look-up tables rather than learned weights: rotary caches, inverse frequencies, masks. They
    /// tell kinds of blocks apart by content, and are not averaged.
    /// </summary>
    public bool IsTable(string value) => _tables.Contains(value);

    /// <summary>Stored tensors that a constant value is computed from.</summary>
    public IEnumerable<string> Leaves(string value)
    {
        if (Tensor(value) is not null) return [value];
        return _view.Producer(value) is { } node ? node.Inputs.Where(i => i.Length > 0).SelectMany(Leaves) : [];
    }

    private void CollectTables(ViewNode node, HashSet<string> dependent)
    {
        var constants = node.Inputs.Where(i => i.Length > 0 && _constant.Contains(i)).ToArray();
        if (constants.Length == 0 || node.Outputs.All(_constant.Contains)) return;
        // A constant that meets positions or masks (values from inputs, not from embeddings) is a table.
        var meetsOnlyInputs = !node.Outputs.Any(dependent.Contains);
        var rotary = RotarySlots(node.Op);
        for (var i = 0; i < node.Inputs.Length; i++)
        {
            if (_constant.Contains(node.Inputs[i]) && (meetsOnlyInputs || rotary.Contains(node.Slots[i])))
                _tables.UnionWith(Leaves(node.Inputs[i]));
        }
    }

    private static int[] RotarySlots(string op) => op switch
    {
        "com.microsoft.RotaryEmbedding" => [2, 3],
        "RotaryEmbedding" => [1, 2],
        "com.microsoft.GroupQueryAttention" => [7, 8],
        "com.microsoft.SparseAttention" => [5, 6, 9, 10],
        _ => [],
    };
}
