using System.Collections.Immutable;

namespace OnnxMka.Graph;

/// <summary>One reader of a value: input <see cref="Slot"/> of <see cref="Node"/>; slot -1 is a subgraph that captures it.</summary>
public readonly record struct Reader(OnnxNode Node, int Slot);

/// <summary>Who writes and who reads each value of a graph, and an order in which nodes can run. One walk.</summary>
public sealed class GraphIndex
{
    private readonly Dictionary<string, OnnxNode> _producers;
    private readonly Dictionary<string, List<Reader>> _readers;
    private readonly HashSet<string> _inputs;
    private readonly HashSet<string> _outputs;

    private GraphIndex(OnnxGraph graph)
    {
        Graph = graph;
        _producers = new Dictionary<string, OnnxNode>(graph.Nodes.Count * 2, StringComparer.Ordinal);
        _readers = new Dictionary<string, List<Reader>>(graph.Nodes.Count * 2, StringComparer.Ordinal);
        _inputs = Names(graph.Inputs, "inputs");
        _outputs = Names(graph.Outputs, "outputs");
        foreach (var node in graph.Nodes)
        {
            foreach (var output in node.Outputs)
            {
                if (output.Length == 0) continue;
                if (!_producers.TryAdd(output, node) || _inputs.Contains(output) || graph.Initializers.ContainsKey(output))
                {
                    throw new RefusedException(
                        "MKA007", output, "two nodes or ports write this value", "The file is damaged; export it again");
                }
            }

            for (var slot = 0; slot < node.Inputs.Length; slot++) AddReader(node.Inputs[slot], new Reader(node, slot));
            foreach (var captured in node.Captures) AddReader(captured, new Reader(node, -1));
        }

        foreach (var output in graph.Outputs.Where(o => !_producers.ContainsKey(o.Name) && !IsKnown(o.Name)))
            throw new RefusedException("MKA007", output.Name, "nothing writes this output", "The file is damaged; export it again");
        Order = Sort();
    }

    public OnnxGraph Graph { get; }

    /// <summary>Nodes in a runnable order: the file's own where that is one, otherwise the nearest to it.</summary>
    public ImmutableArray<OnnxNode> Order { get; }

    /// <summary>Refuses values written twice, ports of one name, values nobody writes, and cycles.</summary>
    public static GraphIndex Of(OnnxGraph graph) => new(graph);

    public OnnxNode? Producer(string value) => _producers.GetValueOrDefault(value);

    public IReadOnlyList<Reader> Readers(string value) => _readers.TryGetValue(value, out var readers) ? readers : [];

    public bool IsInput(string value) => _inputs.Contains(value) && !Graph.Initializers.ContainsKey(value);

    public bool IsOutput(string value) => _outputs.Contains(value);

    public bool IsInitializer(string value) => Graph.Initializers.ContainsKey(value);

    private static HashSet<string> Names(IReadOnlyList<ValueInfo> ports, string what)
    {
        var names = new HashSet<string>(ports.Count, StringComparer.Ordinal);
        foreach (var port in ports.Where(p => !names.Add(p.Name)))
        {
            throw new RefusedException(
                "MKA007", port.Name, $"two {what} of the graph have this name", "The file is damaged; export it again");
        }

        return names;
    }

    private bool IsKnown(string value) => _inputs.Contains(value) || Graph.Initializers.ContainsKey(value);

    private RefusedException Dangling(string reader, string value) => Graph.Proto.SparseInitializer.Any(s => s.Values?.Name == value)
        ? new RefusedException("MKA007", value, "it is a sparse weight", "Export the model with dense weights")
        : new RefusedException("MKA007", reader, $"it reads '{value}', which nothing writes", "The file is damaged; export it again");

    private void AddReader(string value, Reader reader)
    {
        if (value.Length == 0) return;
        if (!_readers.TryGetValue(value, out var list)) _readers[value] = list = [];
        list.Add(reader);
    }

    private ImmutableArray<OnnxNode> Sort()
    {
        var waiting = new int[Graph.Nodes.Count];
        var inOrder = true;
        foreach (var node in Graph.Nodes)
        {
            foreach (var value in node.Inputs) Await(node, value);
            foreach (var value in node.Captures) Await(node, value);
        }

        if (inOrder) return [.. Graph.Nodes];
        var ready = new PriorityQueue<OnnxNode, int>();
        foreach (var node in Graph.Nodes.Where(n => waiting[n.Index] == 0)) ready.Enqueue(node, node.Index);
        var order = ImmutableArray.CreateBuilder<OnnxNode>(Graph.Nodes.Count);
        while (ready.TryDequeue(out var node, out _))
        {
            order.Add(node);
            foreach (var reader in node.Outputs.Where(o => o.Length > 0).SelectMany(Readers))
            {
                if (--waiting[reader.Node.Index] == 0) ready.Enqueue(reader.Node, reader.Node.Index);
            }
        }

        if (order.Count != Graph.Nodes.Count)
        {
            var stuck = Graph.Nodes.First(n => waiting[n.Index] > 0);
            throw new RefusedException("MKA007", stuck.Label, "it is part of a cycle", "The file is damaged; export it again");
        }

        return order.MoveToImmutable();

        void Await(OnnxNode node, string value)
        {
            if (value.Length == 0) return;
            if (_producers.TryGetValue(value, out var producer))
            {
                waiting[node.Index]++;
                inOrder &= producer.Index < node.Index;
            }
            else if (!IsKnown(value))
            {
                throw Dangling(node.Label, value);
            }
        }
    }
}
