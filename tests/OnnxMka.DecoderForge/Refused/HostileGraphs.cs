using Google.Protobuf;
using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Traps built into a decoder; each takes the bytes of a model and gives those of another.</summary>
public static class HostileGraphs
{
    /// <summary>The first layer's function calls itself.</summary>
    public static byte[] RecursiveFunction(byte[] model) => Rewrite(model, m =>
    {
        var function = m.Functions[0];
        function.Node.Add(CallOf(function));
    });

    /// <summary>A node that calls a function with what the function itself takes.</summary>
    internal static NodeProto CallOf(FunctionProto function) => new()
    {
        OpType = function.Name,
        Domain = function.Domain,
        Input = { function.Input },
        Output = { function.Output.Select(o => o + "/again") },
    };

    /// <summary>The first layer's function calls one that calls the next one twice, and so on: 2^count operators.</summary>
    public static byte[] NestedFunctions(byte[] model, int count, bool innerFirst) => Rewrite(model, m =>
    {
        var layer = m.Functions[0];
        var functions = Enumerable.Range(0, count).Select(i => new FunctionProto
        {
            Name = $"nested{i}",
            Domain = layer.Domain,
            Input = { "x" },
            Output = { "z" },
            OpsetImport = { layer.OpsetImport },
            Node = { Call(i, "x", "y"), Call(i, "y", "z") },
        });
        m.Functions.Add(innerFirst ? functions : functions.Reverse());
        var end = layer.Output[^1];
        layer.Node.Add(Call(count, end, end + "/nested"));
        layer.Output[^1] = end + "/nested";

        NodeProto Call(int depth, string input, string output) =>
            new()
            {
                OpType = depth == 0 ? "Identity" : $"nested{depth - 1}",
                Domain = depth == 0 ? "" : layer.Domain,
                Input = { input },
                Output = { output },
            };
    });

    /// <summary>
    /// A projection of layer 1 reads its weight through operators in a row, each of which reads the one before it once or twice.
    /// </summary>
    public static byte[] ComputedWeight(byte[] model, int length, int width) => Rewrite(model, m =>
    {
        var reader = m.Graph.Node.First(n => n.Name == "/model/layers.1/self_attn/q_proj/MatMul");
        var chain = new List<NodeProto>();
        for (var i = 0; i < length; i++)
        {
            chain.Add(
                new NodeProto
                {
                    OpType = width == 1 ? "Identity" : "Add",
                    Input = { Enumerable.Repeat(reader.Input[1], width) },
                    Output = { $"computed{i}" },
                });
            reader.Input[1] = $"computed{i}";
        }

        chain.AddRange(m.Graph.Node);
        m.Graph.Node.Clear();
        m.Graph.Node.Add(chain);
    });

    /// <summary>The last operator of a kind reads nothing.</summary>
    public static byte[] WithoutInputs(byte[] model, string op) =>
        Rewrite(model, m => m.Graph.Node.Last(n => n.OpType == op).Input.Clear());

    /// <summary>A Constant that nothing can read.</summary>
    public static byte[] WithoutOutput(byte[] model) => Rewrite(model, m =>
    {
        var constant = m.Graph.Node.First(n => n.OpType == "Constant").Clone();
        constant.Output.Clear();
        m.Graph.Node.Add(constant);
    });

    /// <summary>Layer 2 asks for the size of a value inside layer 1.</summary>
    public static byte[] SizeOfInside(byte[] model, string value) =>
        Rewrite(
            model,
            m => m.Graph.Node.First(n => n.OpType == "Shape" && n.Name.Contains("layers.2", StringComparison.Ordinal)).Input[0] = value);

    /// <summary>A cache port gets another name, and an input that nothing reads takes its old one.</summary>
    public static byte[] StrayPort(byte[] model, string port, string other) => Rewrite(model, m =>
    {
        var stray = m.Graph.Input.First(i => i.Name == port).Clone();
        m.Graph.Input.First(i => i.Name == port).Name = other;
        m.Graph.Input.Add(stray);
        foreach (var node in m.Graph.Node)
            for (var i = 0; i < node.Input.Count; i++)
                if (node.Input[i] == port) node.Input[i] = other;
    });

    /// <summary>Two nodes of that beginning have one name.</summary>
    public static byte[] SameNames(byte[] model, string beginning) => Rewrite(model, m =>
    {
        var nodes = m.Graph.Node.Where(n => n.Name.StartsWith(beginning, StringComparison.Ordinal)).ToArray();
        nodes[^1].Name = nodes[0].Name;
    });

    /// <summary>
    /// The logits are added to a number that ends ONNX Runtime: a product of three dimensions reads a value of none, which nothing shows
    /// before it runs.
    /// </summary>
    public static byte[] Aborting(byte[] model) => Rewrite(model, m => AddToLogits(
        m, [("flat", Tensors.Ints([-1])), ("one", Tensors.Floats(ElementType.Float, [1], 1))],
        new NodeProto { OpType = "Shape", Input = { m.Graph.Input[0].Name }, Output = { "trap/size" } },
        new NodeProto { OpType = "Sub", Input = { "trap/size", "trap/size" }, Output = { "trap/zeros" } },
        new NodeProto { OpType = "NonZero", Input = { "trap/zeros" }, Output = { "trap/none" } },
        new NodeProto { OpType = "Reshape", Input = { "trap/none", "trap/flat" }, Output = { "trap/empty" } },
        new NodeProto { OpType = "Reshape", Input = { "trap/one", "trap/empty" }, Output = { "trap/scalar" } },
        new NodeProto
        {
            OpType = "Einsum",
            Input = { "trap/scalar", "trap/scalar" },
            Output = { "trap/product" },
            Attribute = { Text("equation", "bij,bjk->bik") },
        },
        new NodeProto
        {
            OpType = "ReduceMax",
            Input = { "trap/product" },
            Output = { "trap/number" },
            Attribute = { Int("keepdims", 0) },
        }));

    /// <summary>The logits are added to a number that a loop counts 2^62 times for.</summary>
    public static byte[] Endless(byte[] model) => Rewrite(model, m =>
    {
        var body = new GraphProto { Name = "body" };
        body.Input.Add(Port("trap/turn", ElementType.Int64));
        body.Input.Add(Port("trap/on", ElementType.Bool));
        body.Input.Add(Port("trap/count", ElementType.Float));
        body.Node.Add(new NodeProto { OpType = "Identity", Input = { "trap/on" }, Output = { "trap/still" } });
        body.Node.Add(new NodeProto { OpType = "Identity", Input = { "trap/count" }, Output = { "trap/next" } });
        body.Output.Add(Port("trap/still", ElementType.Bool));
        body.Output.Add(Port("trap/next", ElementType.Float));
        var loop = new NodeProto { OpType = "Loop", Input = { "trap/turns", "trap/begin", "trap/start" }, Output = { "trap/number" } };
        loop.Attribute.Add(new AttributeProto { Name = "body", Type = AttributeProto.Types.AttributeType.Graph, G = body });
        AddToLogits(
            m,
            [
                ("turns", Tensors.Ints([1L << 62], scalar: true)),
                ("begin", Tensors.Raw(ElementType.Bool, [1])),
                ("start", Tensors.Floats(ElementType.Float, [0])),
            ],
            loop);
    });

    private static void AddToLogits(ModelProto model, IEnumerable<(string Name, TensorProto Tensor)> constants, params NodeProto[] nodes)
    {
        foreach (var (name, tensor) in constants)
        {
            tensor.Name = "trap/" + name;
            model.Graph.Initializer.Add(tensor);
        }

        var last = model.Graph.Node.Single(n => n.Output.Contains("logits"));
        last.Output[last.Output.IndexOf("logits")] = "trap/logits";
        for (var i = 0; i < nodes.Length; i++) nodes[i].Name = $"trap/{i}";
        model.Graph.Node.Add(nodes);
        model.Graph.Node.Add(
            new NodeProto { OpType = "Add", Name = "trap/add", Input = { "trap/logits", "trap/number" }, Output = { "logits" } });
    }

    private static ValueInfoProto Port(string name, ElementType type) =>
        new()
        {
            Name = name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = new TensorShapeProto() } },
        };

    private static AttributeProto Text(string name, string value) =>
        new() { Name = name, Type = AttributeProto.Types.AttributeType.String, S = ByteString.CopyFromUtf8(value) };

    private static AttributeProto Int(string name, long value) =>
        new() { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = value };

    private static byte[] Rewrite(byte[] model, Action<ModelProto> change)
    {
        var proto = ModelProto.Parser.ParseFrom(model);
        change(proto);
        return proto.ToByteArray();
    }
}
