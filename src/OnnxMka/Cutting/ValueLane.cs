using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Running.Sessions;
using OnnxMka.Structure;

namespace OnnxMka.Cutting;

/// <summary>
/// The way of the values through the attention of a block, walked from what the output projection multiplies back to the value projection:
/// <code>
/// x -> v_proj -> (bias) -> heads -> Concat(past, .) -> (repeated) -> weights times values -> heads side by side -> features
/// </code>
/// On it a head's size is the last axis, or a factor of it.
/// </summary>
internal sealed class ValueLane
{
    private readonly BlockMap _map;
    private readonly NormalisedView _view;
    private readonly Block _block;
    private readonly HashSet<int> _own;
    private readonly SmallConstants _numbers;
    private readonly HashSet<string> _values = new(StringComparer.Ordinal);
    private readonly HashSet<int> _nodes = [];
    private readonly List<ViewNode> _shaped = [];
    private readonly List<LinearWeight> _projections = [];
    private readonly List<BlockParameter> _biases = [];
    private readonly List<string> _pasts = [];
    private readonly List<string> _presents = [];

    private ValueLane(BlockMap map, NormalisedView view, Block block, SmallConstants numbers)
    {
        _own = [.. block.Nodes];
        _map = map;
        _view = view;
        _block = block;
        _numbers = numbers;
    }

    /// <summary>Why the values cannot be narrower; null where nothing on their way speaks against it.</summary>
    public string? Obstacle { get; private set; }

    /// <summary>Reshape and Expand nodes, whose last size may be a constant.</summary>
    public ImmutableArray<ViewNode> Shaped => [.. _shaped];

    /// <summary>The node that puts all heads side by side; null where an operator of attention does.</summary>
    public ViewNode? Merge { get; private set; }

    public ImmutableArray<LinearWeight> Projections => [.. _projections];

    public ImmutableArray<BlockParameter> Biases => [.. _biases];

    /// <summary>Ports with past values; one a head in some exports.</summary>
    public ImmutableArray<string> Pasts => [.. _pasts];

    /// <summary>Ports with the values that go on.</summary>
    public ImmutableArray<string> Presents => [.. _presents];

    /// <param name="features">What the output projection multiplies.</param>
    public static ValueLane Of(
        BlockMap map, NormalisedView view, Block block, LinearWeight outer, string features, SmallConstants numbers)
    {
        var lane = new ValueLane(map, view, block, numbers);
        lane._nodes.Add(outer.Parameter.Use.Node);
        lane.Walk(features);
        lane.Merge = lane.Merging(features);
        if (lane.Obstacle is null) lane.CheckReaders();
        return lane;
    }

    private void Walk(string features)
    {
        var pending = new Stack<string>([features]);
        while (Obstacle is null && pending.TryPop(out var value))
        {
            if (!_values.Add(value)) continue;
            if (_block.KvOutputs.Any(p => p.Name == value)) _presents.Add(value);
            if (_block.KvInputs.Any(p => p.Name == value)) _pasts.Add(value);
            else if (_view.Producer(value) is not { } node || !_own.Contains(node.Origin.Index))
                Obstacle = $"{value} comes from outside its layer";
            else foreach (var input in Step(node)) pending.Push(input);
        }
    }

    /// <summary>Which inputs carry values on.</summary>
    private IEnumerable<string> Step(ViewNode node)
    {
        _nodes.Add(node.Origin.Index);
        if (LinearWeight.Of(_map, _block, node) is { } weight)
        {
            _projections.Add(weight);
            if (node.Op == "Gemm" && LinearWeight.ParameterAt(_block, node, 2) is { } bias) _biases.Add(bias);
            return [];
        }

        switch (node.Op)
        {
            case "Reshape" or "Expand":
                _shaped.Add(node);
                return [node.Inputs[0]];
            case "Unsqueeze" or "Squeeze" or "Identity" or "Cast" or "Tile":
                return [node.Inputs[0]];
            case "Transpose" when node.Origin.Attributes.TryGetValue("perm", out var perm) && perm.Ints[^1] == perm.Ints.Count - 1:
                return [node.Inputs[0]];
            case "Concat" when node.Origin.Int("axis", 0) is 1 or 2 or -2 or -3:
                return node.Inputs;
            case "Slice" when node.Inputs.Length > 3
                && _numbers.Of(node.Inputs[3]) is { } axes && axes.All(a => a is 0 or 1 or 2 or -2 or -3):
                return [node.Inputs[0]];
            case "MatMul":
                return [node.Inputs[1]];
            case "Add" when Enumerable.Range(0, 2).FirstOrDefault(i => LinearWeight.ParameterAt(_block, node, i) is not null, -1)
                is >= 0 and var slot:
                _biases.Add(LinearWeight.ParameterAt(_block, node, slot)!);
                return [node.Inputs[1 - slot]];
            case "com.microsoft.MultiHeadAttention" when Given(node, 1) && Given(node, 2) && !Given(node, 3):
                return Fused(node, 2, 7);
            case "Attention" when Given(node, 2):
                return Fused(node, 2, 5);
            default:
                Obstacle = node.Op is "com.microsoft.GroupQueryAttention" or "com.microsoft.Attention" or "com.microsoft.SparseAttention"
                    ? $"{Bare(node.Op)} takes keys and values of one head size ({node.Origin.Label})"
                    : $"{node.Op} stands on the way of its values ({node.Origin.Label})";
                return [];
        }
    }

    private IEnumerable<string> Fused(ViewNode node, int values, int past)
    {
        if (node.Outputs.Length > 2 && node.Outputs[2].Length > 0 && _values.Add(node.Outputs[2])
            && _block.KvOutputs.Any(p => p.Name == node.Outputs[2]))
            _presents.Add(node.Outputs[2]);
        return Given(node, past) ? [node.Inputs[values], node.Inputs[past]] : [node.Inputs[values]];
    }

    private ViewNode? Merging(string features)
    {
        var node = _view.Producer(features);
        while (node is { Op: "Identity" or "Cast" }) node = _view.Producer(node.Inputs[0]);
        return node is { Op: "Reshape" } ? node : null;
    }

    /// <summary>What else reads a value would see its last axis shrink: its other sizes may be read, and what becomes a port.</summary>
    private void CheckReaders()
    {
        var pending = new Stack<string>(_values);
        while (pending.TryPop(out var value))
        {
            foreach (var (reader, _) in _view.Readers(value))
            {
                if (_nodes.Contains(reader.Origin.Index)) continue;
                if (reader.Op is "Slice" or "Identity" or "Cast" && reader.Outputs.Any(o => _block.KvOutputs.Any(p => p.Name == o)))
                {
                    _values.Add(reader.Outputs[0]);
                    _presents.Add(reader.Outputs[0]);
                    pending.Push(reader.Outputs[0]);
                    continue;
                }

                var isOwnShape = reader.Op is "Shape" or "Size" && _own.Contains(reader.Origin.Index);
                if (isOwnShape || HeadSizes.IsLength(reader, _view, _numbers)) continue;
                Obstacle = $"{reader.Op} reads its values too ({reader.Origin.Label})";
            }
        }
    }

    private static bool Given(ViewNode node, int input) => node.Inputs.Length > input && node.Inputs[input].Length > 0;

    private static string Bare(string op) => op[(op.LastIndexOf('.') + 1)..];
}
