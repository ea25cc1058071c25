using System.Runtime.InteropServices;
using Google.Protobuf;
using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Other ways to write a graph that computes the same: what exporters do that no form of the builder does.</summary>
public static partial class Disguises
{
    /// <summary>
    /// Scalars and shapes as <c>value_int</c>, <c>value_ints</c> and <c>value_float</c> of their Constant nodes (onnxscript).
    /// </summary>
    public static byte[] ConstantAttributes(byte[] model) => Rewrite(model, graph =>
    {
        foreach (var node in graph.Node.Where(n => n.OpType == "Constant"))
        {
            var tensor = node.Attribute[0].T;
            if ((ElementType)tensor.DataType is ElementType.Int64) node.Attribute[0] = Integers(tensor);
            else if ((ElementType)tensor.DataType is ElementType.Float && tensor.Dims.Count == 0)
            {
                node.Attribute[0] = new AttributeProto
                {
                    Name = "value_float",
                    Type = AttributeProto.Types.AttributeType.Float,
                    F = BitConverter.ToSingle(tensor.RawData.Span),
                };
            }
        }
    });

    /// <summary>A Dropout behind every third addition, so that no block looks like the next.</summary>
    public static byte[] Dropouts(byte[] model) =>
        Rewrite(model, graph => Behind(graph, "Dropout", (node, i) => node.OpType == "Add" && i % 3 == 0));

    /// <summary>Identity behind every fifth float operator.</summary>
    public static byte[] Identities(byte[] model) =>
        Rewrite(model, graph => Behind(graph, "Identity", (node, i) => node.OpType is "Add" or "Mul" or "MatMul" && i % 5 == 0));

    /// <summary>Every second addition with its operands turned round, every third as Sum.</summary>
    public static byte[] Sums(byte[] model) => Rewrite(model, graph =>
    {
        var floats = graph.Node.Where(n => n.OpType is "MatMul").SelectMany(n => n.Output).ToHashSet(StringComparer.Ordinal);
        var additions = graph.Node.Where(n => n.OpType == "Add" && n.Input.Any(floats.Contains)).ToArray();
        for (var i = 0; i < additions.Length; i++)
        {
            if (i % 2 == 0) (additions[i].Input[0], additions[i].Input[1]) = (additions[i].Input[1], additions[i].Input[0]);
            if (i % 3 == 0) additions[i].OpType = "Sum";
        }
    });

    /// <summary>Every matrix stored flat and shaped by the graph.</summary>
    public static byte[] FlatMatrices(byte[] model) => Rewrite(model, graph =>
    {
        foreach (var matrix in graph.Initializer.Where(t => t.DataType == (int)ElementType.Float && t.Dims.Count == 2).ToArray())
        {
            var shape = Tensors.Ints([.. matrix.Dims]);
            (var name, shape.Name) = (matrix.Name, matrix.Name + "/shape");
            matrix.Name += "/flat";
            var count = matrix.Dims[0] * matrix.Dims[1];
            matrix.Dims.Clear();
            matrix.Dims.Add(count);
            graph.Initializer.Add(shape);
            graph.Node.Insert(0, Node("Reshape", [matrix.Name, shape.Name], name));
        }
    });

    /// <summary>Nameless nodes in another runnable order, initializers listed as inputs too.</summary>
    public static byte[] Shuffled(byte[] model) => Rewrite(model, graph =>
    {
        var random = new Random(3);
        var known = graph.Input.Select(i => i.Name)
            .Concat(graph.Initializer.Select(t => t.Name))
            .Append("")
            .ToHashSet(StringComparer.Ordinal);
        var waiting = graph.Node.ToList();
        graph.Node.Clear();
        while (waiting.Count > 0)
        {
            var ready = waiting.Where(n => n.Input.All(known.Contains)).ToArray();
            var next = ready[random.Next(ready.Length)];
            next.Name = "";
            waiting.Remove(next);
            known.UnionWith(next.Output);
            graph.Node.Add(next);
        }

        foreach (var tensor in graph.Initializer)
            graph.Input.Add(Ports.Info(tensor.Name, (ElementType)tensor.DataType, [.. tensor.Dims.Select(d => (object)(int)d)]));
    });

    /// <summary>Without the ports that <see cref="Shuffled"/> gave 4-bit weights: the runtime's C# binding cannot describe them.</summary>
    public static byte[] WithoutPackedPorts(byte[] model) => Rewrite(model, graph =>
    {
        foreach (var port in graph.Input.Where(
            i => (ElementType)i.Type.TensorType.ElemType is ElementType.UInt4 or ElementType.Int4).ToArray())
            graph.Input.Remove(port);
    });

    /// <summary>Every cache goes through one Slice that block and length arithmetic share.</summary>
    public static byte[] SlicedCaches(byte[] model) => Rewrite(model, graph =>
    {
        (var first, var all) = (Tensors.Ints([0]), Tensors.Ints([int.MaxValue]));
        (first.Name, all.Name) = ("slice/first", "slice/all");
        graph.Initializer.Add([first, all]);
        foreach (var port in graph.Input.Where(i => i.Name.StartsWith("past_", StringComparison.Ordinal)))
        {
            Reread(graph, port.Name, port.Name + "/slice");
            graph.Node.Insert(0, Node("Slice", [port.Name, "slice/first", "slice/all", "slice/first"], port.Name + "/slice"));
        }
    });

    /// <summary>A second head over the same final state.</summary>
    public static byte[] SecondHead(byte[] model) => Rewrite(model, graph => Head(graph, Producer(graph, "logits").Input[0], "scores2"));

    /// <summary>The next token beside the logits.</summary>
    public static byte[] NextToken(byte[] model) => Rewrite(model, graph =>
    {
        graph.Node.Add(Node("ArgMax", ["logits"], "next_token"));
        graph.Node[^1].Attribute.Add(new AttributeProto { Name = "axis", Type = AttributeProto.Types.AttributeType.Int, I = -1 });
        graph.Output.Insert(0, Ports.Info("next_token", ElementType.Int64, ["batch_size", "sequence_length", 1]));
    });

    /// <summary>A head that reads <paramref name="value"/>, from between the layers.</summary>
    public static byte[] EarlyExit(byte[] model, string value) => Rewrite(model, graph => Head(graph, value, "early"));

    /// <summary>One output for all keys.</summary>
    public static byte[] StackedKeys(byte[] model) => Rewrite(model, graph =>
    {
        var keys = graph.Output.Where(o => o.Name.EndsWith(".key", StringComparison.Ordinal)).ToArray();
        graph.Node.Add(Node("Concat", [.. keys.Select(k => k.Name)], "present_keys"));
        graph.Node[^1].Attribute.Add(new AttributeProto { Name = "axis", Type = AttributeProto.Types.AttributeType.Int, I = 0 });
        foreach (var key in keys) graph.Output.Remove(key);
        graph.Output.Add(Ports.Info("present_keys", ElementType.Float, ["layers", "heads", "total", "size"]));
    });

    /// <summary>Every port under the name that <paramref name="name"/> makes of its own.</summary>
    public static byte[] Renamed(byte[] model, Func<string, string> name) => Rewrite(model, graph =>
    {
        foreach (var port in graph.Input.Concat(graph.Output))
        {
            var fresh = name(port.Name);
            Relabel(graph, port.Name, fresh);
            port.Name = fresh;
        }
    });

    /// <summary>Values of the stream as outputs, each under the name given with it.</summary>
    public static byte[] Shown(byte[] model, IEnumerable<(string Value, string Port)> shown) => Rewrite(model, graph =>
    {
        foreach (var (value, port) in shown)
        {
            Relabel(graph, value, port);
            graph.Output.Add(Ports.Info(port, ElementType.Float, ["batch_size", "sequence_length", "width"]));
        }
    });

    /// <summary>Values as outputs behind a copy (Identity) or a Cast to float, each under the name given with it.</summary>
    public static byte[] ShownBehind(
        byte[] model, string op, IEnumerable<(string Value, string Port)> shown, params object[] dims) => Rewrite(model, graph =>
    {
        foreach (var (value, port) in shown)
        {
            graph.Node.Add(Node(op, [value], port));
            if (op == "Cast")
            {
                graph.Node[^1].Attribute.Add(
                    new AttributeProto { Name = "to", Type = AttributeProto.Types.AttributeType.Int, I = (int)ElementType.Float });
            }

            graph.Output.Add(Ports.Info(port, ElementType.Float, dims));
        }
    });

    /// <summary>An input that says which tokens are of an image, as multimodal decoders have it; text has zeros.</summary>
    public static byte[] TokenTypes(byte[] model) =>
        Rewrite(model, graph => graph.Input.Add(Ports.Info("token_type_ids", ElementType.Int64, ["batch_size", "sequence_length"])));

    /// <summary>Every query projection with a low-rank update whose matrices are inputs of the graph.</summary>
    public static byte[] FedAdapters(byte[] model) => Rewrite(model, graph =>
    {
        foreach (var query in graph.Node.Where(
            n => n.OpType == "MatMul" && n.Name.EndsWith("/q_proj/MatMul", StringComparison.Ordinal)).ToArray())
        {
            var (value, name) = (query.Output[0], query.Name[..^"/MatMul".Length].Trim('/').Replace('/', '.'));
            var width = (int)graph.Initializer.First(t => t.Name == query.Input[1]).Dims[0];
            Reread(graph, value, value + "/adapted");
            NodeProto[] update =
            [
                Node("MatMul", [query.Input[0], $"{name}.lora_A.weight"], value + "/a"),
                Node("MatMul", [value + "/a", $"{name}.lora_B.weight"], value + "/b"),
                Node("Add", [value, value + "/b"], value + "/adapted"),
            ];
            for (var i = 0; i < update.Length; i++) graph.Node.Insert(graph.Node.IndexOf(query) + 1 + i, update[i]);
            graph.Input.Add(Ports.Info($"{name}.lora_A.weight", ElementType.Float, [width, "lora_r"]));
            graph.Input.Add(Ports.Info($"{name}.lora_B.weight", ElementType.Float, ["lora_r", width]));
        }
    });

    /// <summary>The value that the head multiplies: the final norm.</summary>
    public static string HeadInput(byte[] model) => Producer(ModelProto.Parser.ParseFrom(model).Graph, "logits").Input[0];

    /// <summary>A node reads another value in the place of its first.</summary>
    public static byte[] Reading(byte[] model, string node, string value) =>
        Rewrite(model, graph => graph.Node.Single(n => n.Name == node).Input[0] = value);

    /// <summary>Operators under other names and in other domains; null leaves one as it is.</summary>
    public static byte[] Operators(byte[] model, Func<string, (string Domain, string Name)?> name) => Rewrite(model, graph =>
    {
        foreach (var node in graph.Node)
        {
            if (name(node.OpType) is { } other) (node.Domain, node.OpType) = (other.Domain, other.Name);
        }
    });

    private static byte[] Rewrite(byte[] model, Action<GraphProto> change)
    {
        var proto = ModelProto.Parser.ParseFrom(model);
        change(proto.Graph);
        return proto.ToByteArray();
    }

    private static AttributeProto Integers(TensorProto tensor)
    {
        var values = MemoryMarshal.Cast<byte, long>(tensor.RawData.Span).ToArray();
        if (tensor.Dims.Count == 0)
            return new AttributeProto { Name = "value_int", Type = AttributeProto.Types.AttributeType.Int, I = values[0] };
        var attribute = new AttributeProto { Name = "value_ints", Type = AttributeProto.Types.AttributeType.Ints };
        attribute.Ints.Add(values);
        return attribute;
    }

    private static List<NodeProto> Behind(GraphProto graph, string op, Func<NodeProto, int, bool> chosen)
    {
        var outputs = graph.Output.Select(o => o.Name).ToHashSet(StringComparer.Ordinal);
        var behind = new List<NodeProto>();
        var nodes = graph.Node.Where(
            (n, i) => chosen(n, i) && n.Name.Contains("layers.", StringComparison.Ordinal) && !outputs.Contains(n.Output[0])).ToArray();
        foreach (var node in nodes)
        {
            var value = node.Output[0];
            Reread(graph, value, value + "/passed");
            behind.Add(Node(op, [value], value + "/passed"));
            graph.Node.Insert(graph.Node.IndexOf(node) + 1, behind[^1]);
        }

        return behind;
    }

    /// <summary>The head once more, on another value.</summary>
    private static void Head(GraphProto graph, string value, string output)
    {
        var head = Producer(graph, "logits").Clone();
        head.Name += "/" + output;
        head.Input[0] = value;
        head.Output[0] = output;
        graph.Node.Add(head);
        graph.Output.Add(Ports.Info(output, ElementType.Float, ["batch_size", "sequence_length", "vocabulary"]));
    }

    private static NodeProto Producer(GraphProto graph, string value) => graph.Node.Single(n => n.Output.Contains(value));

    /// <summary>Every mention of a value in nodes takes another name.</summary>
    private static void Reread(GraphProto graph, string old, string fresh)
    {
        foreach (var node in graph.Node)
        {
            for (var i = 0; i < node.Input.Count; i++) node.Input[i] = node.Input[i] == old ? fresh : node.Input[i];
        }
    }

    private static void Relabel(GraphProto graph, string old, string fresh)
    {
        Reread(graph, old, fresh);
        foreach (var node in graph.Node.Where(n => n.Output.Contains(old))) node.Output[node.Output.IndexOf(old)] = fresh;
    }

    private static NodeProto Node(string op, string[] inputs, string output)
    {
        var node = new NodeProto { OpType = op, Name = $"{output}/{op}" };
        node.Input.Add(inputs);
        node.Output.Add(output);
        return node;
    }
}
