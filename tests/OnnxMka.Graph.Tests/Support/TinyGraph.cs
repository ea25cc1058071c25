using Google.Protobuf;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Tests;

/// <summary>Graphs from the text that <see cref="GraphText"/> prints for nodes: <c>a, b = Op(x, y)</c>.</summary>
internal static class TinyGraph
{
    /// <param name="ports">Names: <c>inputs -> outputs</c>.</param>
    /// <param name="weights">Names of float[4] initializers.</param>
    public static GraphProto Of(string ports, string weights, params string[] nodes)
    {
        var graph = new GraphProto();
        var (inputs, outputs) = Halves(ports, "->");
        graph.Input.AddRange(Names(inputs).Select(n => SmallModel.Port(n)));
        graph.Output.AddRange(Names(outputs).Select(n => SmallModel.Port(n)));
        graph.Initializer.AddRange(Names(weights).Select(Weight));
        graph.Node.AddRange(nodes.Select(Node));
        return graph;
    }

    public static OnnxModel Model(GraphProto graph, long irVersion = 8) =>
        new("tiny.onnx", new ModelProto { IrVersion = irVersion, Graph = graph }, []);

    public static OnnxModel Model(string ports, string weights, params string[] nodes) => Model(Of(ports, weights, nodes));

    /// <summary>Hangs a subgraph on a node.</summary>
    public static GraphProto With(this GraphProto graph, int node, string attribute, GraphProto subgraph)
    {
        graph.Node[node].Attribute.Add(SmallModel.Attribute(attribute, subgraph));
        return graph;
    }

    public static TensorProto Weight(string name)
    {
        var tensor = new TensorProto
        {
            Name = name,
            DataType = (int)ElementType.Float,
            RawData = ByteString.CopyFrom(SmallModel.Bytes(ElementType.Float, 4, name.Length)),
        };
        tensor.Dims.Add(4);
        return tensor;
    }

    /// <summary>The lines of the canonical text, without the model line and without types.</summary>
    public static string[] Lines(OnnxModel model) =>
        [
            .. GraphText.Of(model)
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Skip(1)
                .Select(l => l.Replace(" float[4]", "").Replace(" float", "").Replace("   ", " ").Replace("  ", " ").Trim()),
        ];

    private static NodeProto Node(string text)
    {
        var (outputs, call) = Halves(text, "=");
        var (op, inputs) = Halves(call.TrimEnd(')'), "(");
        return SmallModel.Node(op, [.. Names(inputs)], [.. Names(outputs)]);
    }

    /// <summary>Comma-separated names; <c>_</c> stands for one left out.</summary>
    private static IEnumerable<string> Names(string text) =>
        text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(n => n == "_" ? "" : n);

    private static (string Left, string Right) Halves(string text, string separator)
    {
        var parts = text.Split(separator, 2, StringSplitOptions.TrimEntries);
        return (parts[0], parts[1]);
    }
}
