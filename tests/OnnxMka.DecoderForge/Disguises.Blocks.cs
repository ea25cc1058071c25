using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Other operators and layouts inside the layers.</summary>
public static partial class Disguises
{
    /// <summary>Every down projection as a causal convolution over the tokens: its last tap is the matrix, those before are zero.</summary>
    public static byte[] Convolutions(byte[] model, int kernel) => Rewrite(model, graph =>
    {
        foreach (var product in graph.Node.Where(
            n => n.OpType == "MatMul" && n.Name.Contains("down_proj", StringComparison.Ordinal)).ToArray())
        {
            var matrix = graph.Initializer.Single(t => t.Name == product.Input[1]);
            var (rows, columns) = ((int)matrix.Dims[0], (int)matrix.Dims[1]);
            var values = MemoryMarshal.Cast<byte, float>(matrix.RawData.Span);
            var taps = new float[rows * columns * kernel];
            for (var i = 0; i < values.Length; i++) taps[((((i % columns) * rows) + (i / columns)) * kernel) + kernel - 1] = values[i];
            var weight = Tensors.Floats(ElementType.Float, taps, columns, rows, kernel);
            weight.Name = matrix.Name;
            graph.Initializer[graph.Initializer.IndexOf(matrix)] = weight;
            var (output, place) = (product.Output[0], graph.Node.IndexOf(product));
            graph.Node.RemoveAt(place);
            NodeProto[] nodes =
            [
                Transposed(product.Input[0], output + "/channels", 0, 2, 1),
                Node("Conv", [output + "/channels", weight.Name], output + "/conv"),
                Transposed(output + "/conv", output, 0, 2, 1),
            ];
            nodes[1].Attribute.Add(Ints("kernel_shape", kernel));
            nodes[1].Attribute.Add(Ints("pads", kernel - 1, 0));
            for (var i = 0; i < nodes.Length; i++) graph.Node.Insert(place + i, nodes[i]);
        }
    });

    /// <summary>Every down projection times a ConstantOfShape, whose value <paramref name="factor"/> gives for the layer.</summary>
    public static byte[] ShapedConstants(byte[] model, Func<int, float> factor) => Rewrite(model, graph =>
    {
        var shape = Tensors.Ints([1]);
        shape.Name = "factor/shape";
        graph.Initializer.Add(shape);
        Scaled(graph, (output, layer) =>
        {
            var constant = Node("ConstantOfShape", [shape.Name], output + "/factor");
            constant.Attribute.Add(Value(factor(layer), output));
            return [constant, Node("Mul", [output, constant.Output[0]], output + "/scaled")];
        });
    });

    /// <summary>Every down projection times a sparse Constant.</summary>
    public static byte[] SparseConstants(byte[] model, Func<int, float> factor) => Rewrite(model, graph => Scaled(graph, (output, layer) =>
    {
        var constant = Node("Constant", [], output + "/factor");
        var sparse = new SparseTensorProto
        {
            Values = Tensors.Floats(ElementType.Float, [factor(layer)], 1),
            Indices = Tensors.Ints([0]),
            Dims = { 1 },
        };
        constant.Attribute.Add(
            new AttributeProto { Name = "sparse_value", Type = AttributeProto.Types.AttributeType.SparseTensor, SparseTensor = sparse });
        return [constant, Node("Mul", [output, constant.Output[0]], output + "/scaled")];
    }));

    /// <summary>Every down projection times a learned scalar of its layer (ReZero).</summary>
    public static byte[] LearnedScales(byte[] model, Func<int, float> factor) => Rewrite(model, graph => Scaled(graph, (output, layer) =>
    {
        var scale = Tensors.Floats(ElementType.Float, [factor(layer)]);
        scale.Name = output + "/scale";
        graph.Initializer.Add(scale);
        return [Node("Mul", [scale.Name, output], output + "/scaled")];
    }));

    /// <summary>Casts of fp32 to fp32 behind the stream's additions and the products of every second layer.</summary>
    public static byte[] IdleCasts(byte[] model) => Rewrite(model, graph =>
    {
        foreach (var cast in Behind(
            graph,
            "Cast",
            (node, _) => node.OpType is "Add" or "MatMul"
                && node.Name.Contains("layers.", StringComparison.Ordinal)
                && Layer(node) % 2 == 0))
        {
            cast.Attribute.Add(
                new AttributeProto { Name = "to", Type = AttributeProto.Types.AttributeType.Int, I = (long)ElementType.Float });
        }
    });

    /// <summary>Every down projection through an If that multiplies it by a Constant of its branch.</summary>
    public static byte[] BranchedConstants(byte[] model, Func<int, float> factor) =>
        Rewrite(model, graph => Scaled(graph, (output, layer) =>
        {
            var constant = Node("Constant", [], output + "/factor");
            constant.Attribute.Add(Value(factor(layer), output));
            return Branched(output, [constant, Node("Mul", [output, constant.Output[0]], output + "/product")]);
        }));

    /// <summary>Every down projection inside an If.</summary>
    public static byte[] BranchedProducts(byte[] model) => Rewrite(model, graph => Scaled(graph, (output, _) =>
    {
        var product = Producer(graph, output);
        graph.Node.Remove(product);
        return Branched(output, [Node("MatMul", [.. product.Input], output + "/product")]);
    }));

    /// <summary>
    /// What <paramref name="make"/> builds on each down projection takes its place; the last node gives <c>output/scaled</c>.
    /// </summary>
    private static void Scaled(GraphProto graph, Func<string, int, NodeProto[]> make)
    {
        foreach (var product in graph.Node.Where(
            n => n.OpType == "MatMul" && n.Name.Contains("down_proj", StringComparison.Ordinal)).ToArray())
        {
            var (output, place) = (product.Output[0], graph.Node.IndexOf(product));
            Reread(graph, output, output + "/scaled");
            var nodes = make(output, Layer(product));
            if (graph.Node.Contains(product)) place++;
            for (var i = 0; i < nodes.Length; i++) graph.Node.Insert(place + i, nodes[i]);
        }
    }

    /// <summary>
    /// An If that always runs <paramref name="body"/>, whose last node gives <c>output/product</c>; its other branch does the same.
    /// </summary>
    private static NodeProto[] Branched(string output, NodeProto[] body)
    {
        var condition = Node("Constant", [], output + "/condition");
        condition.Attribute.Add(
            new AttributeProto
            {
                Name = "value",
                Type = AttributeProto.Types.AttributeType.Tensor,
                T = new TensorProto { DataType = (int)ElementType.Bool, RawData = ByteString.CopyFrom(1) },
            });
        var branch = Node("If", [condition.Output[0]], output + "/scaled");
        foreach (var name in new[] { "then_branch", "else_branch" })
        {
            var graph = new GraphProto
            {
                Name = $"{output}/{name}",
                Node = { body.Select(n => n.Clone()) },
                Output = { Ports.Info(output + "/product", ElementType.Float, ["batch_size", "sequence_length", "width"]) },
            };
            branch.Attribute.Add(new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Graph, G = graph });
        }

        return [condition, branch];
    }

    /// <summary>A tensor with a name of its own, as some exporters give: it tells nothing.</summary>
    private static AttributeProto Value(float factor, string owner)
    {
        var value = Tensors.Floats(ElementType.Float, [factor], 1);
        value.Name = owner + "/value";
        return new AttributeProto { Name = "value", Type = AttributeProto.Types.AttributeType.Tensor, T = value };
    }

    /// <summary>An attention without weights behind the last layer, which leaves <paramref name="value"/>.</summary>
    public static byte[] StrayAttention(byte[] model, string value) => Rewrite(model, graph =>
    {
        Reread(graph, value, value + "/sum");
        NodeProto[] nodes =
        [
            Transposed(value, value + "/keys", 0, 2, 1),
            Node("MatMul", [value, value + "/keys"], value + "/scores"),
            Node("Softmax", [value + "/scores"], value + "/shares"),
            Node("MatMul", [value + "/shares", value], value + "/mixed"), Node("Add", [value, value + "/mixed"], value + "/sum"),
        ];
        var place = graph.Node.IndexOf(Producer(graph, value)) + 1;
        for (var i = 0; i < nodes.Length; i++) graph.Node.Insert(place + i, nodes[i]);
    });

    /// <summary>Every product of queries and keys in int8, scaled by what the tokens need.</summary>
    public static byte[] IntegerScores(byte[] model) => Rewrite(model, graph =>
    {
        var weights = graph.Initializer.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        var products = graph.Node.Where(
            n => n.OpType == "MatMul" && n.Name.Contains("self_attn", StringComparison.Ordinal) && !n.Input.Any(weights.Contains));
        // Queries times keys come before shares times values.
        foreach (var product in products.GroupBy(Layer).Select(g => g.First()).ToArray())
        {
            var (output, place) = (product.Output[0], graph.Node.IndexOf(product));
            graph.Node.RemoveAt(place);
            NodeProto Quantised(int i)
            {
                var node = Node("DynamicQuantizeLinear", [product.Input[i]], $"{output}/{i}");
                node.Output.Add([$"{output}/{i}/scale", $"{output}/{i}/zero"]);
                return node;
            }

            var cast = Node("Cast", [output + "/sums"], output + "/float");
            cast.Attribute.Add(
                new AttributeProto { Name = "to", Type = AttributeProto.Types.AttributeType.Int, I = (long)ElementType.Float });
            NodeProto[] nodes =
            [
                Quantised(0),
                Quantised(1),
                Node("MatMulInteger", [output + "/0", output + "/1", output + "/0/zero", output + "/1/zero"], output + "/sums"),
                cast,
                Node("Mul", [output + "/0/scale", output + "/1/scale"], output + "/scale"),
                Node("Mul", [output + "/float", output + "/scale"], output),
            ];
            for (var i = 0; i < nodes.Length; i++) graph.Node.Insert(place + i, nodes[i]);
        }
    });

    /// <summary>The stream as [tokens, samples, width]; norms hand the usual layout on.</summary>
    public static byte[] TokensFirst(byte[] model) =>
        Rewrite(model, graph => Relaid(graph, (v, o) => Transposed(v, o, 1, 0, 2), (v, o) => Transposed(v, o, 1, 0, 2)));

    /// <summary>The stream as [samples * tokens, width]; norms hand the usual layout on.</summary>
    public static byte[] Flattened(byte[] model) => Rewrite(model, graph =>
    {
        var width = graph.Initializer.Single(t => t.Name == graph.Node.Single(n => n.Op() == "embed_tokens/Gather").Input[0]).Dims[1];
        var (rows, rest) = (Tensors.Ints([-1, width]), Tensors.Ints([width]));
        (rows.Name, rest.Name) = ("layout/rows", "layout/rest");
        graph.Initializer.Add([rows, rest]);
        Relaid(graph, (v, o) => Node("Reshape", [v, rows.Name], o), (v, o) => Node("Reshape", [v, "layout/shape"], o));
        var concat = Node("Concat", ["layout/ids", rest.Name], "layout/shape");
        concat.Attribute.Add(new AttributeProto { Name = "axis", Type = AttributeProto.Types.AttributeType.Int, I = 0 });
        graph.Node.Insert(0, concat);
        graph.Node.Insert(0, Node("Shape", ["input_ids"], "layout/ids"));
    });

    /// <summary>Embeddings and what the halves add enter the stream, what the norms give leaves it.</summary>
    private static void Relaid(GraphProto graph, Func<string, string, NodeProto> enter, Func<string, string, NodeProto> leave)
    {
        var entering = graph.Node.Where(n => n.Op() is "embed_tokens/Gather" or "o_proj/MatMul" or "down_proj/MatMul").ToArray();
        var leaving = graph.Node.Where(
            n => n.OpType == "Mul" && (n.Module().EndsWith("layernorm", StringComparison.Ordinal) || n.Module() == "norm"))
            .GroupBy(n => n.Name[..n.Name.LastIndexOf('/')]).Select(g => g.Last()).ToArray();
        foreach (var (node, change) in entering.Select(n => (n, enter)).Concat(leaving.Select(n => (n, leave))))
        {
            var value = node.Output[0];
            Reread(graph, value, value + "/laid");
            graph.Node.Insert(graph.Node.IndexOf(node) + 1, change(value, value + "/laid"));
        }
    }

    private static string Module(this NodeProto node) => node.Name.Split('/') is [.., var module, _] ? module : "";

    /// <summary>Innermost module and operator.</summary>
    private static string Op(this NodeProto node) => $"{node.Module()}/{node.OpType}";

    private static int Layer(NodeProto node)
    {
        var digits = node.Name[(node.Name.IndexOf("layers.", StringComparison.Ordinal) + 7)..];
        return int.Parse(digits[..digits.IndexOf('/', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
    }

    private static NodeProto Transposed(string value, string output, params long[] order)
    {
        var node = Node("Transpose", [value], output);
        node.Attribute.Add(Ints("perm", order));
        return node;
    }

    private static AttributeProto Ints(string name, params long[] values) =>
        new() { Name = name, Type = AttributeProto.Types.AttributeType.Ints, Ints = { values } };
}
