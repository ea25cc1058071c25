using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Editing;

/// <summary>
/// Nodes and initializers that no graph output depends on. What was dead before any edit stays, since cleaning up is not asked
/// for, as long as what it reads stays.
/// </summary>
internal sealed class DeadNodes
{
    private readonly HashSet<NodeProto> _nodes = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<TensorProto> _initializers = new(ReferenceEqualityComparer.Instance);

    /// <summary>The dead ones of a graph that is about to be edited.</summary>
    public static DeadNodes Find(GraphProto graph)
    {
        var live = Live(graph);
        var dead = new DeadNodes();
        dead._nodes.UnionWith(graph.Node.Where(n => !IsLive(n, live)));
        dead._initializers.UnionWith(graph.Initializer.Where(i => !live.Contains(i.Name)));
        return dead;
    }

    /// <summary>Removes nodes and initializers that are dead now and were not before.</summary>
    public void Sweep(GraphProto graph)
    {
        var live = Live(graph);
        KeepReadable(graph, live);
        GraphEditor.Keep(graph.Node, n => IsLive(n, live) || _nodes.Contains(n));
        var read = graph.Node.SelectMany(Reads).Concat(graph.Output.Select(o => o.Name)).ToHashSet(StringComparer.Ordinal);
        var before = graph.Initializer.Select(i => i.Name).ToHashSet(StringComparer.Ordinal);
        GraphEditor.Keep(graph.Initializer, i => read.Contains(i.Name) || _initializers.Contains(i));
        // IR version 3 lists initializers among the inputs: their ports go with them.
        before.ExceptWith(graph.Initializer.Select(i => i.Name));
        GraphEditor.Keep(graph.Input, i => !before.Contains(i.Name));
    }

    /// <summary>Forgets the dead nodes that read what no longer is: they go with it.</summary>
    private void KeepReadable(GraphProto graph, HashSet<string> live)
    {
        var written = graph.Input.Select(i => i.Name).Concat(graph.Initializer.Select(i => i.Name))
            .Concat(graph.Node.Where(n => IsLive(n, live) || _nodes.Contains(n)).SelectMany(n => n.Output))
            .ToHashSet(StringComparer.Ordinal);
        int before;
        do
        {
            before = _nodes.Count;
            foreach (var node in graph.Node.Where(n => _nodes.Contains(n) && !Reads(n).All(written.Contains)))
            {
                _nodes.Remove(node);
                written.ExceptWith(node.Output);
            }
        }
        while (_nodes.Count < before);
    }

    private static bool IsLive(NodeProto node, HashSet<string> live) => node.Output.Any(o => o.Length > 0 && live.Contains(o));

    private static HashSet<string> Live(GraphProto graph)
    {
        var producers = new Dictionary<string, NodeProto>(StringComparer.Ordinal);
        foreach (var node in graph.Node)
        {
            foreach (var output in node.Output.Where(o => o.Length > 0)) producers[output] = node;
        }

        var live = new HashSet<string>(StringComparer.Ordinal);
        var pending = new Stack<string>(graph.Output.Select(o => o.Name));
        while (pending.TryPop(out var value))
        {
            if (!live.Add(value) || !producers.TryGetValue(value, out var node)) continue;
            foreach (var read in Reads(node)) pending.Push(read);
        }

        return live;
    }

    private static IEnumerable<string> Reads(NodeProto node) => node.Input
        .Concat(node.Attribute.SelectMany(a => a.G is null ? a.Graphs : a.Graphs.Prepend(a.G)).SelectMany(OnnxNode.CapturedBy))
        .Where(value => value.Length > 0);
}
