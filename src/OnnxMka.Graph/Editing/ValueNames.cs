using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Editing;

/// <summary>Renames and redirects values through a graph and every subgraph that captures them.</summary>
internal static class ValueNames
{
    /// <summary>One simultaneous map: 7 to 6 and 8 to 7 in one pass.</summary>
    public static void Rename(GraphProto graph, IReadOnlyDictionary<string, string> names)
    {
        foreach (var port in graph.Input.Concat(graph.Output).Concat(graph.ValueInfo))
        {
            if (names.TryGetValue(port.Name, out var name)) port.Name = name;
        }

        foreach (var tensor in graph.Initializer)
        {
            if (names.TryGetValue(tensor.Name, out var name)) tensor.Name = name;
        }

        foreach (var annotation in graph.QuantizationAnnotation)
        {
            if (names.TryGetValue(annotation.TensorName, out var name)) annotation.TensorName = name;
            foreach (var parameter in annotation.QuantParameterTensorNames)
            {
                if (names.TryGetValue(parameter.Value, out var renamed)) parameter.Value = renamed;
            }
        }

        foreach (var node in graph.Node)
        {
            Map(node.Output, names);
            Map(node.Input, names);
            foreach (var subgraph in Subgraphs(node)) Rename(subgraph, Visible(subgraph, names));
        }
    }

    public static void RedirectReaders(GraphProto graph, string from, string to)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal) { [from] = to };
        RedirectReaders(graph, names);
    }

    private static void RedirectReaders(GraphProto graph, Dictionary<string, string> names)
    {
        foreach (var node in graph.Node)
        {
            Map(node.Input, names);
            foreach (var subgraph in Subgraphs(node).Where(s => Visible(s, names).Count > 0))
            {
                // The outputs of a subgraph are read by place, not by name: one that is a captured value follows it.
                foreach (var output in subgraph.Output)
                {
                    if (names.TryGetValue(output.Name, out var name)) output.Name = name;
                }

                RedirectReaders(subgraph, names);
            }
        }
    }

    private static void Map(Google.Protobuf.Collections.RepeatedField<string> list, IReadOnlyDictionary<string, string> names)
    {
        for (var i = 0; i < list.Count; i++)
        {
            if (names.TryGetValue(list[i], out var name)) list[i] = name;
        }
    }

    private static IEnumerable<GraphProto> Subgraphs(NodeProto node) =>
        node.Attribute.SelectMany(a => a.G is null ? a.Graphs : a.Graphs.Prepend(a.G));

    /// <summary>
    /// The part of the map that a subgraph does not hide behind a name of its own. A value that the subgraph reads must not get a
    /// name that it hides: the reader would silently bind to the inner value.
    /// </summary>
    private static Dictionary<string, string> Visible(GraphProto subgraph, IReadOnlyDictionary<string, string> names)
    {
        var own = subgraph.Input.Select(i => i.Name)
            .Concat(subgraph.Initializer.Select(i => i.Name))
            .Concat(subgraph.Node.SelectMany(n => n.Output))
            .ToHashSet(StringComparer.Ordinal);
        var visible = names.Where(n => !own.Contains(n.Key)).ToDictionary(StringComparer.Ordinal);
        if (!visible.Values.Any(own.Contains)) return visible;
        var captured = OnnxNode.CapturedBy(subgraph);
        foreach (var (from, to) in visible.Where(n => captured.Contains(n.Key) && own.Contains(n.Value)))
            throw new InvalidOperationException($"a subgraph that reads '{from}' has a '{to}' of its own");
        return visible;
    }
}
