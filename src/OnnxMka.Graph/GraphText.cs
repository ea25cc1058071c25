using System.Text;

namespace OnnxMka.Graph;

/// <summary>Canonical text of a graph: one line a port, initializer and node. For goldens and diffs.</summary>
public static class GraphText
{
    /// <summary>The same text for graphs that differ only in doc strings, metadata, or the order of attributes and initializers.</summary>
    public static string Of(OnnxModel model)
    {
        var text = new StringBuilder();
        var opsets = model.Opsets.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{(o.Key.Length > 0 ? o.Key : "ai.onnx")} {o.Value}");
        text.Append("model ir ").Append(model.IrVersion).Append(", opset ").AppendJoin(", ", opsets).Append('\n');
        foreach (var input in model.Graph.Inputs) text.Append("input  ").Append(Port(input)).Append('\n');
        foreach (var output in model.Graph.Outputs) text.Append("output ").Append(Port(output)).Append('\n');
        foreach (var tensor in model.Graph.Initializers.Values.OrderBy(t => t.Name, StringComparer.Ordinal))
            text.Append("weight ").Append(tensor).Append('\n');
        foreach (var node in model.Graph.Nodes) text.Append("node   ").Append(Line(node)).Append('\n');
        return text.ToString();
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
