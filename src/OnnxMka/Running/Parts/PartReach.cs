using OnnxMka.Graph;

namespace OnnxMka.Running.Parts;

/// <summary>
/// What one part of a graph takes: the walk from its end back to the seam it starts from. Whatever else it meets (masks, rotary
/// tables, lengths) comes from the graph's inputs and is computed anew inside the part.
/// </summary>
internal sealed class PartReach
{
    private readonly GraphIndex _index;
    private readonly HashSet<string> _start;
    private readonly HashSet<string> _streams;
    private readonly Stack<string> _pending = new();
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);

    private PartReach(GraphIndex index, IEnumerable<string> start, IEnumerable<string> streams)
    {
        _index = index;
        _start = start.ToHashSet(StringComparer.Ordinal);
        _streams = streams.ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Indices of the nodes that run in the part.</summary>
    public SortedSet<int> Nodes { get; } = [];

    /// <summary>Graph inputs and initializers that the part reads.</summary>
    public HashSet<string> Leaves { get; } = new(StringComparer.Ordinal);

    /// <summary>Nodes that ask another seam than the part's own for its size: all seams are equally large.</summary>
    public List<int> ShapeReaders { get; } = [];

    /// <param name="ends">Values that the part computes.</param>
    /// <param name="endNode">Node that writes the end where that is not yet a value: a fused norm that keeps its sum to itself.</param>
    /// <param name="start">Values that the part is given; none for the prelude.</param>
    /// <param name="streams">All values that carry the stream between blocks.</param>
    public static PartReach Of(
        GraphIndex index, IEnumerable<string> ends, int? endNode, IReadOnlyCollection<string> start, IEnumerable<string> streams)
    {
        var reach = new PartReach(index, start, streams);
        if (endNode is { } node) reach.Visit(index.Graph.Nodes[node]);
        foreach (var end in ends) reach._pending.Push(end);
        while (reach._pending.TryPop(out var value)) reach.Visit(value);
        return reach;
    }

    private void Visit(string value)
    {
        if (value.Length == 0 || _start.Contains(value) || !_seen.Add(value)) return;
        if (_index.Producer(value) is { } node) Visit(node);
        else Leaves.Add(value);
    }

    private void Visit(OnnxNode node)
    {
        if (!Nodes.Add(node.Index)) return;
        if (_start.Count > 0 && node.OpType is "Shape" or "Size" && AsksAStream(node.Inputs[0]))
        {
            ShapeReaders.Add(node.Index);
            return;
        }

        foreach (var value in node.Inputs.Concat(node.Captures)) _pending.Push(value);
    }

    private bool AsksAStream(string value)
    {
        while (_index.Producer(value) is { OpType: "Cast" or "Identity" } copy && !_streams.Contains(value)) value = copy.Inputs[0];
        return _streams.Contains(value);
    }
}
