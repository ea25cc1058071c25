namespace OnnxMka.Structure;

/// <summary>
/// Pairs of matrices in place of one: <c>(x A) B</c>, where nothing else reads the product between and both together have fewer elements
/// than one matrix would have. To whoever changes a matrix such a pair is one.
/// </summary>
internal sealed class MatrixPairs
{
    private readonly Dictionary<int, (ViewNode Node, LinearWeight Weight)> _firsts = []; // by the second's node
    private readonly HashSet<int> _members = [];

    private MatrixPairs()
    {
    }

    public static MatrixPairs Of(BlockMap map, NormalisedView view, Block block)
    {
        var (pairs, own) = (new MatrixPairs(), block.Nodes.ToHashSet());
        foreach (var node in view.Nodes.Where(n => own.Contains(n.Origin.Index)))
        {
            if (LinearWeight.Of(map, block, node) is not { } second
                || view.Producer(node.Inputs[0]) is not { Op: "MatMul" } first
                || pairs._members.Contains(first.Origin.Index)
                || view.Readers(node.Inputs[0]).Count > 1
                || view.Index.IsOutput(node.Inputs[0])
                || LinearWeight.Of(map, block, first) is not { } weight
                || weight.Outputs * ((long)weight.Inputs + second.Outputs) >= (long)weight.Inputs * second.Outputs)
                continue;
            pairs._firsts[node.Origin.Index] = (first, weight);
            pairs._members.UnionWith([first.Origin.Index, node.Origin.Index]);
        }

        return pairs;
    }

    /// <summary>True for a node that is one of a pair.</summary>
    public bool Contains(ViewNode node) => _members.Contains(node.Origin.Index);

    /// <summary>True for the first of a pair.</summary>
    public bool IsFirst(ViewNode node) => Contains(node) && !_firsts.ContainsKey(node.Origin.Index);

    /// <summary>The first of the pair whose second a node is; null for any other.</summary>
    public (ViewNode Node, LinearWeight Weight)? FirstOf(ViewNode node) =>
        _firsts.TryGetValue(node.Origin.Index, out var first) ? first : null;
}
