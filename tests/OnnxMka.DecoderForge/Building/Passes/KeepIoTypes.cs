using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>
/// fp32 ports around an fp16 graph: a Cast behind every fp16 input and before every fp16 output, as fp16 converters add them.
/// </summary>
internal static class KeepIoTypes
{
    public static void Apply(GraphProto graph)
    {
        var casts = new List<NodeProto>();
        foreach (var port in graph.Input.Where(IsHalf))
        {
            var inside = $"graph_input_cast_{casts.Count}";
            Reread(graph, port.Name, inside);
            casts.Add(Cast($"graph_input_cast{casts.Count}", port.Name, inside, ElementType.Float16));
        }

        var inputCasts = casts.Count;
        foreach (var port in graph.Output.Where(IsHalf))
        {
            var number = casts.Count - inputCasts;
            var inside = $"graph_output_cast_{number}";
            Reread(graph, port.Name, inside);
            var producer = graph.Node.Single(n => n.Output.Contains(port.Name));
            producer.Output[producer.Output.IndexOf(port.Name)] = inside;
            casts.Add(Cast($"graph_output_cast{number}", inside, port.Name, ElementType.Float));
        }

        foreach (var port in graph.Input.Concat(graph.Output).Where(IsHalf)) port.Type.TensorType.ElemType = (int)ElementType.Float;
        NodeProto[] all = [.. casts[..inputCasts], .. graph.Node, .. casts[inputCasts..]];
        graph.Node.Clear();
        graph.Node.Add(all);
    }

    private static bool IsHalf(ValueInfoProto port) => port.Type.TensorType.ElemType == (int)ElementType.Float16;

    private static void Reread(GraphProto graph, string from, string to)
    {
        foreach (var node in graph.Node)
        {
            for (var i = 0; i < node.Input.Count; i++)
            {
                if (node.Input[i] == from) node.Input[i] = to;
            }
        }
    }

    private static NodeProto Cast(string name, string input, string output, ElementType type)
    {
        var node = new NodeProto { OpType = "Cast", Name = name };
        node.Input.Add(input);
        node.Output.Add(output);
        node.Attribute.Add(new AttributeProto { Name = "to", I = (long)type, Type = AttributeProto.Types.AttributeType.Int });
        return node;
    }
}
