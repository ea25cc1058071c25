using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>
/// The same networks with other ports than the builder gives them: what exporters ask a caller for, and what they answer.
/// </summary>
public static partial class Disguises
{
    /// <summary>Logits of the last token only.</summary>
    public static byte[] LastTokenLogits(byte[] model) =>
        Rewrite(model, graph => BeforeHead(graph, Constant(graph, "last/start", Tensors.Ints([-1])), 1));

    /// <summary>An input that says of how many tokens logits are wanted, counted from the end; 0 means all.</summary>
    public static byte[] LogitsToKeep(byte[] model) => Rewrite(model, graph =>
    {
        graph.Input.Add(Ports.Info("num_logits_to_keep", ElementType.Int64, []));
        graph.Node.Insert(0, Node("Reshape", ["keep/negative", Constant(graph, "keep/one", Tensors.Ints([1]))], "keep/start"));
        graph.Node.Insert(0, Node("Neg", ["num_logits_to_keep"], "keep/negative"));
        BeforeHead(graph, "keep/start", "sequence_length");
    });

    /// <summary>Every size with one of these names is a number.</summary>
    public static byte[] Fixed(byte[] model, string size, int number) => Rewrite(model, graph =>
    {
        var dims = graph.Input.Concat(graph.Output).SelectMany(p => p.Type.TensorType.Shape.Dim);
        foreach (var dim in dims.Where(d => d.DimParam == size)) dim.DimValue = number;
    });

    /// <summary>The mask comes as what is added to the scores, [batch, 1, tokens, all], in place of a row of ones.</summary>
    public static byte[] AddedMask(byte[] model) =>
        Rewrite(model, graph => MaskPort(graph, Where(graph).Output[0], (ElementType)graph.Initializer[0].DataType));

    /// <summary>The mask comes as truth values, [batch, 1, tokens, all]: true where a token is seen.</summary>
    public static byte[] SeenMask(byte[] model) => Rewrite(model, graph => MaskPort(graph, Where(graph).Input[0], ElementType.Bool));

    /// <summary>The same, true where a token is hidden.</summary>
    public static byte[] HiddenMask(byte[] model) => Rewrite(model, graph =>
    {
        var where = Where(graph);
        (where.Input[1], where.Input[2]) = (where.Input[2], where.Input[1]);
        MaskPort(graph, where.Input[0], ElementType.Bool);
    });

    /// <summary>Positions for three axes, [3, batch, tokens], of which text has one.</summary>
    public static byte[] ThreeAxes(byte[] model) => Rewrite(model, graph =>
    {
        Behind(
            graph,
            "position_ids",
            v => Node("Gather", ["position_ids", Constant(graph, "axes/first", Tensors.Ints([0], scalar: true))], v));
        Port(graph, "position_ids", ElementType.Int64, 3, "batch_size", "sequence_length");
    });

    /// <summary>Positions for one sequence, [tokens], as static caches are addressed by.</summary>
    public static byte[] CachePosition(byte[] model) => Rewrite(model, graph =>
    {
        Relabel(graph, "position_ids", "cache_position");
        graph.Input.Single(i => i.Name == "position_ids").Name = "cache_position";
        Behind(
            graph, "cache_position", v => Node("Reshape", ["cache_position", Constant(graph, "position/shape", Tensors.Ints([1, -1]))], v));
        Port(graph, "cache_position", ElementType.Int64, "sequence_length");
    });

    /// <summary>
    /// Lengths in place of the mask that GroupQueryAttention's are counted from. What is called past holds the last place.
    /// </summary>
    public static byte[] LengthInputs(byte[] model) => Rewrite(model, graph =>
    {
        var attention = graph.Node.First(n => n.OpType == "GroupQueryAttention");
        Reread(graph, attention.Input[5], "past_seq_len/flat");
        Reread(graph, attention.Input[6], "total_seq_len");
        graph.Node.Insert(0, Node("Reshape", ["past_seq_len", Constant(graph, "flat", Tensors.Ints([-1]))], "past_seq_len/flat"));
        graph.Input.Add(
            [Ports.Info("past_seq_len", ElementType.Int32, ["batch_size", 1]), Ports.Info("total_seq_len", ElementType.Int32, [])]);
        Prune(graph);
    });

    /// <summary>Caches of fixed size that new keys and values are written into, as the ONNX domain has them (opset 24).</summary>
    public static byte[] WrittenCaches(byte[] model, int size)
    {
        var proto = ModelProto.Parser.ParseFrom(model);
        var graph = proto.Graph;
        foreach (var attention in graph.Node.Where(n => n.OpType == "Attention").ToArray())
        {
            for (var i = 0; i < 2; i++)
            {
                var (past, present, fresh) = (attention.Input[4 + i], attention.Output[1 + i], attention.Input[1 + i]);
                var heads = graph.Input.Single(p => p.Name == past).Type.TensorType.Shape.Dim;
                var width = (int)(heads[1].DimValue * heads[3].DimValue);
                var scatter = Node("TensorScatter", [past, fresh, "write_indices"], present);
                scatter.Attribute.Add(new AttributeProto { Name = "axis", Type = AttributeProto.Types.AttributeType.Int, I = 1 });
                graph.Node.Insert(graph.Node.IndexOf(attention), scatter);
                attention.Input[1 + i] = present;
                Port(graph.Input, past, ElementType.Float, "batch_size", size, width);
                Port(graph.Output, present, ElementType.Float, "batch_size", size, width);
            }

            string[] inputs = [.. attention.Input.Take(3), "", "", "", "nonpad_kv_seqlen"];
            attention.Input.Clear();
            attention.Input.Add(inputs);
            while (attention.Output.Count > 1) attention.Output.RemoveAt(1);
            attention.Attribute.Add(new AttributeProto { Name = "is_causal", Type = AttributeProto.Types.AttributeType.Int, I = 1 });
        }

        graph.Input.Add(Ports.Info("write_indices", ElementType.Int64, ["batch_size"]));
        graph.Input.Add(Ports.Info("nonpad_kv_seqlen", ElementType.Int64, ["batch_size"]));
        Prune(graph);
        proto.OpsetImport.Single(o => o.Domain == "").Version = 24;
        return Google.Protobuf.MessageExtensions.ToByteArray(proto);
    }

    /// <summary>What leaves as a cache holds the new tokens only; whoever calls is to put them behind the others.</summary>
    public static byte[] NewTokensOnly(byte[] model) => Rewrite(model, graph =>
    {
        foreach (var port in graph.Output.Where(o => o.Name.StartsWith("present.", StringComparison.Ordinal)))
        {
            var fresh = Producer(graph, port.Name).Input[1];
            Relabel(graph, port.Name, port.Name + "/all");
            graph.Node.Add(Node("Identity", [fresh], port.Name));
            port.Type.TensorType.Shape.Dim[2].DimParam = "sequence_length";
        }
    });

    /// <summary>Caches keep that many tokens, though attention looks at all that it gets.</summary>
    public static byte[] CutCaches(byte[] model, int tokens) => Rewrite(model, graph =>
    {
        var (start, end) =
            (Constant(graph, "cut/start", Tensors.Ints([-tokens])), Constant(graph, "cut/end", Tensors.Ints([int.MaxValue])));
        var axis = Constant(graph, "cut/axis", Tensors.Ints([2]));
        foreach (var port in graph.Output.Where(o => o.Name.StartsWith("present.", StringComparison.Ordinal)))
        {
            Relabel(graph, port.Name, port.Name + "/all");
            graph.Node.Add(Node("Slice", [port.Name + "/all", start, end, axis], port.Name));
            port.Type.TensorType.Shape.Dim[2].DimParam = "kept_length";
        }
    });

    /// <summary>No mask at all: what a token sees comes from the lengths of its cache and of the text.</summary>
    public static byte[] WithoutMask(byte[] model) => Rewrite(model, graph =>
    {
        foreach (var where in graph.Node.Where(n => n.OpType == "Where").ToArray())
            where.Input[0] = Producer(graph, where.Input[0]).Input[0];
        Prune(graph);
    });

    /// <summary>An input that nothing tells the meaning of, which leaves as it comes.</summary>
    public static byte[] StrangeInput(byte[] model) => Rewrite(model, graph =>
    {
        graph.Input.Add(Ports.Info("adapter", ElementType.Int64, ["batch_size"]));
        graph.Node.Add(Node("Identity", ["adapter"], "adapter_used"));
        graph.Output.Add(Ports.Info("adapter_used", ElementType.Int64, ["batch_size"]));
    });

    /// <summary>A Reshape in the last block that no shape of text fits: it loads, and fails when it runs.</summary>
    public static byte[] LateFailure(byte[] model) => Rewrite(model, graph =>
    {
        var product = graph.Node.Last(n => n.OpType == "MatMul" && n.Name.EndsWith("down_proj/MatMul", StringComparison.Ordinal));
        var inner = product.Input[0];
        var place = graph.Node.IndexOf(product);
        graph.Node.Insert(place, Node("Reshape", ["late/failure", "late/before"], "late/back"));
        graph.Node.Insert(place, Node("Reshape", [inner, Constant(graph, "late/shape", Tensors.Ints([7, -1, 5]))], "late/failure"));
        graph.Node[place].Name = "late_reshape";
        graph.Node.Insert(place, Node("Shape", [inner], "late/before"));
        product.Input[0] = "late/back";
    });

    /// <summary>An operator of that kind in each block is one that no runtime has.</summary>
    public static byte[] Unknown(byte[] model, string op, string name) => Rewrite(model, graph =>
    {
        foreach (var node in graph.Node.Where(n => n.OpType == op)) node.OpType = name;
    });

    /// <summary>What the head multiplies is narrowed by a matrix of random numbers instead: an embedding of the text, not scores.</summary>
    public static byte[] Projected(byte[] model, int hidden, int width) => Rewrite(model, graph =>
    {
        var head = Producer(graph, "logits");
        var random = new Random(5);
        var values = Enumerable.Range(0, hidden * width).Select(_ => (float)random.NextDouble() - 0.5f).ToArray();
        head.Input[1] = Constant(graph, "projection", Tensors.Floats(ElementType.Float, values, hidden, width));
        graph.Output.Single(o => o.Name == "logits").Type.TensorType.Shape.Dim[2].DimValue = width;
        Prune(graph);
    });

    private static NodeProto Where(GraphProto graph) => graph.Node.First(n => n.OpType == "Where");

    private static void MaskPort(GraphProto graph, string value, ElementType type)
    {
        graph.Input.Remove(graph.Input.Single(i => i.Name == "attention_mask"));
        Reread(graph, "attention_mask", "attention_mask/row");
        Reread(graph, value, "attention_mask");
        graph.Input.Add(Ports.Info("attention_mask", type, ["batch_size", 1, "sequence_length", "past_sequence_length + sequence_length"]));
        Prune(graph);
    }

    /// <summary>The head reads a part of the tokens, from <paramref name="start"/> on.</summary>
    private static void BeforeHead(GraphProto graph, string start, object tokens)
    {
        var head = Producer(graph, "logits");
        var input = head.Input[0];
        var (end, axis) = (Constant(graph, "keep/end", Tensors.Ints([int.MaxValue])), Constant(graph, "keep/axis", Tensors.Ints([1])));
        graph.Node.Insert(graph.Node.IndexOf(head), Node("Slice", [input, start, end, axis], "keep/kept"));
        head.Input[0] = "keep/kept";
        var dim = graph.Output.Single(o => o.Name == "logits").Type.TensorType.Shape.Dim[1];
        if (tokens is int number) dim.DimValue = number;
        else dim.DimParam = (string)tokens;
    }

    private static string Constant(GraphProto graph, string name, TensorProto tensor)
    {
        tensor.Name = name;
        if (graph.Initializer.All(t => t.Name != name)) graph.Initializer.Add(tensor);
        return name;
    }

    /// <summary>Every reader of a port reads what a node makes of it.</summary>
    private static void Behind(GraphProto graph, string port, Func<string, NodeProto> node)
    {
        Reread(graph, port, port + "/behind");
        graph.Node.Insert(0, node(port + "/behind"));
    }

    private static void Port(GraphProto graph, string name, ElementType type, params object[] dims) => Port(graph.Input, name, type, dims);

    private static void Port(
        Google.Protobuf.Collections.RepeatedField<ValueInfoProto> ports, string name, ElementType type, params object[] dims) =>
        ports[ports.IndexOf(ports.Single(p => p.Name == name))] = Ports.Info(name, type, dims);

    /// <summary>Takes away what nothing reads: nodes, then initializers and inputs.</summary>
    private static void Prune(GraphProto graph)
    {
        var outputs = graph.Output.Select(o => o.Name).ToHashSet(StringComparer.Ordinal);
        while (true)
        {
            var read = graph.Node.SelectMany(n => n.Input).ToHashSet(StringComparer.Ordinal);
            var dead = graph.Node.Where(n => !n.Output.Any(o => read.Contains(o) || outputs.Contains(o))).ToArray();
            if (dead.Length == 0)
            {
                foreach (var tensor in graph.Initializer.Where(t => !read.Contains(t.Name)).ToArray()) graph.Initializer.Remove(tensor);
                foreach (var port in graph.Input.Where(i => !read.Contains(i.Name)).ToArray()) graph.Input.Remove(port);
                return;
            }

            foreach (var node in dead) graph.Node.Remove(node);
        }
    }
}
