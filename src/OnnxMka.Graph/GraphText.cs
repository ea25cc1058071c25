using System.Text;

namespace OnnxMka.Graph;

/// <summary>Canonical text of a graph: one line a port, initializer and node, subgraphs indented. For goldens and diffs.</summary>
public static class GraphText
{
    /// <summary>The same text for graphs that differ only in doc strings, metadata, or the order of attributes and initializers.</summary>
    public static string Of(OnnxModel model)
    {
        var text = new StringBuilder();
        var opsets = model.Opsets.OrderBy(o => o.Key, StringComparer.Ordinal).Select(
            o => $"{(o.Key.Length > 0 ? o.Key : "ai.onnx")} {o.Value}");
        text.Append("model ir ").Append(model.IrVersion).Append(", opset ").AppendJoin(", ", opsets).Append('\n');
        AppendPorts(text, model.Graph, "");
        foreach (var node in model.Graph.Nodes) AppendNode(text, node, "");
        return text.ToString();
    }

    private static void AppendNode(StringBuilder text, OnnxNode node, string indent)
    {
        text.Append(indent).Append("node   ").Append(Line(node)).Append('\n');
        foreach (var (name, graph) in node.Attributes.OrderBy(a => a.Key, StringComparer.Ordinal).SelectMany(
            a => a.Value.Subgraphs.Select(g => (a.Key, g))))
        {
            var inner = indent + "  ";
            text.Append(inner).Append("graph  ").Append(name).Append('\n');
            AppendPorts(text, graph, inner);
            foreach (var child in graph.Nodes) AppendNode(text, child, inner);
        }
    }

    private static void AppendPorts(StringBuilder text, OnnxGraph graph, string indent)
    {
        foreach (var input in graph.Inputs) text.Append(indent).Append("input  ").Append(Port(input)).Append('\n');
        foreach (var output in graph.Outputs) text.Append(indent).Append("output ").Append(Port(output)).Append('\n');
        foreach (var tensor in graph.Initializers.Values.OrderBy(t => t.Name, StringComparer.Ordinal))
            text.Append(indent).Append("weight ").Append(tensor).Append('\n');
    }

    private static string Port(ValueInfo port) =>
        $"{port.Name} {port.Type.ToString().ToLowerInvariant()}{(port.Dimensions is null ? "" : $"[{string.Join(',', port.Dimensions)}]")}";

    private static string Line(OnnxNode node)
    {
        var op = node.Domain.Length > 0 ? $"{node.Domain}.{node.OpType}" : node.OpType;
        var attributes = node.Attributes.Values.Select(a => a.Canonical()).Order(StringComparer.Ordinal).ToArray();
        var suffix = attributes.Length > 0 ? $" {{{string.Join(", ", attributes)}}}" : "";
        return $"{string.Join(", ", node.Outputs)} = {op}({string.Join(", ", node.Inputs)}){suffix}";
    }
}
