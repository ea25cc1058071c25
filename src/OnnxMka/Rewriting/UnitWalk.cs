using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>
/// The walk from an outer matrix's features back to the inner matrices. A matrix is outer where every way back to the stream leads
/// through another matrix.
/// </summary>
internal sealed class UnitWalk
{
    private readonly BlockMap _map;
    private readonly NormalisedView _view;
    private readonly Block _block;
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private bool _readsStream;

    private UnitWalk(BlockMap map, NormalisedView view, Block block, LinearWeight outer, string features)
    {
        _map = map;
        _view = view;
        _block = block;
        Outer = outer;
        Features = features;
    }

    public LinearWeight Outer { get; }

    public string Features { get; }

    public List<LinearWeight> Inner { get; } = [];

    public List<BlockParameter> Vectors { get; } = [];

    /// <summary>True where the features mix tokens.</summary>
    public bool IsAttention { get; private set; }

    public static IEnumerable<UnitWalk> All(BlockMap map, NormalisedView view, Block block)
    {
        var own = block.Nodes.ToHashSet();
        var pairs = MatrixPairs.Of(map, view, block); // what stands between two of them are no units
        foreach (var node in view.Nodes.Where(n => own.Contains(n.Origin.Index) && !pairs.Contains(n)))
        {
            if (LinearWeight.Of(map, block, node) is not { } weight) continue;
            var walk = new UnitWalk(map, view, block, weight, node.Inputs[0]);
            walk.Run(node.Inputs[0]);
            if (!walk._readsStream && walk.Inner.Count > 0) yield return walk;
        }
    }

    private void Run(string features)
    {
        var pending = new Stack<string>([features]);
        while (pending.TryPop(out var value))
        {
            if (value == _block.Input.Value) _readsStream = true;
            if (value.Length == 0 || value == _block.Input.Value || !_seen.Add(value)) continue;
            if (_view.Producer(value) is not { } node)
            {
                IsAttention |= _block.KvInputs.Any(p => p.Name == value);
                continue;
            }

            if (node.Op is "Shape" or "Size") continue;
            IsAttention |= node.Op == "Softmax" || MixerOperators.IsAttention(node.Op);
            foreach (var input in Step(node)) pending.Push(input);
        }
    }

    /// <summary>Takes the node's parameters; what is left to follow.</summary>
    private IEnumerable<string> Step(ViewNode node)
    {
        var packed = node.Op == "com.microsoft.Attention";
        if ((packed ? LinearWeight.Of(_map, _block, node, false) : LinearWeight.Of(_map, _block, node)) is { } weight)
        {
            Inner.Add(weight);
            if (LinearWeight.ParameterAt(_block, node, 2) is { } bias) Vectors.Add(bias);
            return [];
        }

        Vectors.AddRange(
            Enumerable.Range(0, node.Inputs.Length).Select(i => LinearWeight.ParameterAt(_block, node, i)).OfType<BlockParameter>());
        return node.Reads;
    }
}
