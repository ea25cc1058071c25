using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Editing;

/// <summary>Nodes and initializers that no graph output depends on.</summary>
internal static class DeadNodes
{
    /// <summary>What was dead before any edit, by name of its outputs: it stays, since cleaning up is not asked for.</summary>
    public static HashSet<string> Find(OnnxGraph graph)
    {
        var live = Live(graph.Proto);
        var written = graph.Nodes.SelectMany(n => n.Outputs).Concat(graph.Initializers.Keys);
        return written.Where(v => v.Length > 0 && !live.Contains(v)).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Removes nodes and initializers that are dead now and were not before.</summary>
    public static void Sweep(GraphProto graph, HashSet<string> deadBefore)
    {
        var live = Live(graph);
        // What a kept dead node reads stays too: the graph must remain whole.
        foreach (var node in graph.Node.Reverse().Where(n => n.Output.Any(deadBefore.Contains)))
        {
            live.UnionWith(node.Output);
            live.UnionWith(Reads(node));
        }

        GraphEditor.Keep(graph.Node, n => n.Output.Count == 0 || n.Output.Any(o => o.Length > 0 && live.Contains(o)));
        var initializers = graph.Initializer.Select(i => i.Name).ToHashSet(StringComparer.Ordinal);
        GraphEditor.Keep(graph.Initializer, i => live.Contains(i.Name) || deadBefore.Contains(i.Name));
        // IR version 3 lists initializers among the inputs: their ports go with them.
        initializers.ExceptWith(graph.Initializer.Select(i => i.Name));
        GraphEditor.Keep(graph.Input, i => !initializers.Contains(i.Name));
    }

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
            if (value.Length == 0 || !live.Add(value) || !producers.TryGetValue(value, out var node)) continue;
            foreach (var read in Reads(node)) pending.Push(read);
        }

        return live;
    }

    private static IEnumerable<string> Reads(NodeProto node)
    {
        IEnumerable<string> captured = node.Attribute
            .SelectMany(a => a.G is null ? a.Graphs : a.Graphs.Prepend(a.G))
            .SelectMany(AllReads);
        return node.Input.Concat(captured);
    }

    private static IEnumerable<string> AllReads(GraphProto graph) =>
        graph.Node.SelectMany(Reads).Concat(graph.Output.Select(o => o.Name));
}
