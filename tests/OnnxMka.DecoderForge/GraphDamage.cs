using Google.Protobuf;
using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>
/// Graphs that stay readable models and are none that an exporter writes: operators without what they need, other operators in their
/// place, ports and weights of other kinds. The same bytes for the same seed.
/// </summary>
public sealed class GraphDamage
{
    private static readonly string[] Operators =
    [
        "Add", "Cast", "Concat", "Constant", "Conv", "DequantizeLinear", "Dropout", "Einsum", "Gather", "Gemm", "Identity", "If",
        "LayerNormalization", "MatMul", "Mul", "Nowhere", "QLinearMatMul", "Reshape", "RotaryEmbedding", "Shape",
        "SimplifiedLayerNormalization", "Softmax", "Split", "Sum", "TopK", "Transpose", "Attention", "EmbedLayerNormalization",
        "GroupQueryAttention", "MatMulNBits", "MoE", "MultiHeadAttention", "SkipLayerNormalization", "SkipSimplifiedLayerNormalization",
        "DynamicQuantizeLinear", "GatherBlockQuantized",
    ];

    private static readonly string[] Names =
    [
        "", "\u001b[2J", "a\nb", "/model/layers.99999999999999999999/x", "/model/layers.-1/x", "layers.1", "model.layers.2.mlp.weight",
        "past_key_values.9999999999999.key", "past.\u0663.key", "[red]x[/]", "<b>&amp;", "../x", "\u202e", "h.0.h.1.h.2",
        "present.1.value", "logits", "input_ids",
    ];

    private static readonly long[] Numbers = [0, 1, -1, 2, 3, 64, 99, int.MaxValue, long.MinValue, long.MaxValue];

    private readonly GraphProto _graph;
    private readonly ModelProto _model;
    private readonly Random _random;

    private GraphDamage(ModelProto model, Random random) => (_model, _graph, _random) = (model, model.Graph, random);

    public static byte[] Of(byte[] model, int seed)
    {
        var proto = ModelProto.Parser.ParseFrom(model);
        var damage = new GraphDamage(proto, new Random(seed));
        for (var i = damage._random.Next(1, 4); i > 0; i--) damage.Apply();
        return proto.ToByteArray();
    }

    private void Apply()
    {
        var lists = _model.Functions.Select(f => f.Node).Append(_graph.Node).Append(_graph.Node).Where(l => l.Count > 0).ToArray();
        if (lists.Length == 0) return;
        var nodes = Any(lists);
        var node = Any(nodes);
        if (_graph.Output.Count == 0 || _graph.Input.Count == 0) return;
        switch (_random.Next(25))
        {
            case 0: Cut(node.Input); break;
            case 1: Cut(node.Output); break;
            case 2: Blank(node.Input); break;
            case 3: Blank(node.Output); break;
            case 4: node.Input.Clear(); break;
            case 5 or 6: (node.OpType, node.Domain) = (Any(Operators), Any(["", "com.microsoft", "ai.onnx"])); break;
            case 7: Cut(node.Attribute); break;
            case 8: Change(node); break;
            case 9 or 10: Rewire(nodes, node); break;
            case 11: Double(nodes, node); break;
            case 12 or 13: Reshape(); break;
            case 14: Any(_graph.Input).Name = Any(Names); break;
            case 15: RenamePort(Any(_graph.Output)); break;
            case 16: Retype(Any(_random.Next(2) == 0 ? _graph.Input : _graph.Output)); break;
            case 17: Cut(_graph.Output); break;
            case 18: _graph.Output.Add(new ValueInfoProto { Name = Any(Any(_graph.Node).Output.DefaultIfEmpty("").ToArray()) }); break;
            case 19: Wrap(nodes, node); break;
            case 20: node.Name = Any(Names); break;
            case 21: CutFunction(); break;
            case 22: nodes.RemoveAt(nodes.IndexOf(node)); break;
            case 23:
                node.MetadataProps.Add(
                    new StringStringEntryProto
                    {
                        Key = Any(["namespace", "pkg.torch.onnx.name_scopes", "layer_ann", ""]),
                        Value = Any(Names),
                    });
                break;
            default:
                _model.MetadataProps.Add(
                    new StringStringEntryProto { Key = Any(["onnx-mka.original_layers", "", "pkg"]), Value = Any(Names) });
                break;
        }
    }

    private T Any<T>(IList<T> list) => list[_random.Next(list.Count)];

    private static void Cut<T>(IList<T> list)
    {
        if (list.Count > 0) list.RemoveAt(list.Count - 1);
    }

    private void Blank(IList<string> values)
    {
        if (values.Count > 0) values[_random.Next(values.Count)] = "";
    }

    private void Change(NodeProto node)
    {
        if (node.Attribute.Count == 0) return;
        var attribute = Any(node.Attribute);
        var name = attribute.Name;
        var number = Any(Numbers);
        attribute.MergeFrom(new AttributeProto { I = number, F = number });
        if (_random.Next(2) == 0)
        {
            node.Attribute[node.Attribute.IndexOf(attribute)] = new AttributeProto
            {
                Name = name,
                Type = AttributeProto.Types.AttributeType.Ints,
                Ints = { number, number },
            };
        }
    }

    /// <summary>An input of another node, earlier or later, in place of this one's.</summary>
    private void Rewire(IList<NodeProto> nodes, NodeProto node)
    {
        if (node.Input.Count == 0) return;
        var values = nodes.Take(nodes.IndexOf(node) + 1)
            .SelectMany(n => n.Input)
            .Concat(_graph.Input.Select(i => i.Name))
            .Concat(_graph.Initializer.Select(t => t.Name))
            .ToArray();
        node.Input[_random.Next(node.Input.Count)] = Any(values);
    }

    private void Double(IList<NodeProto> nodes, NodeProto node)
    {
        var copy = node.Clone();
        for (var i = 0; i < copy.Output.Count; i++) copy.Output[i] += "/copy";
        if (_random.Next(2) == 0) copy.Name += "/copy";
        nodes.Insert(nodes.IndexOf(node) + 1, copy);
    }

    private void Reshape()
    {
        if (_graph.Initializer.Count == 0) return;
        var tensor = Any(_graph.Initializer);
        var count = tensor.Dims.Aggregate(1L, (a, b) => a * b);
        switch (_random.Next(6))
        {
            case 0: tensor.Dims.Clear(); tensor.Dims.Add(count); break;
            case 1: tensor.Dims.Add(1); break;
            case 2: tensor.Dims.Insert(0, 1); break;
            case 3: Empty(tensor, (ElementType)tensor.DataType, 0); break;
            case 4: Empty(tensor, ElementType.Float, null); tensor.RawData = ByteString.CopyFrom(new byte[4]); break;
            default: Empty(tensor, ElementType.String, 1); tensor.StringData.Add(ByteString.CopyFromUtf8("s")); break;
        }
    }

    private static void Empty(TensorProto tensor, ElementType type, long? dim)
    {
        var name = tensor.Name;
        tensor.MergeFrom(new TensorProto());
        tensor.Dims.Clear();
        tensor.FloatData.Clear();
        tensor.Int32Data.Clear();
        tensor.Int64Data.Clear();
        tensor.ExternalData.Clear();
        tensor.ClearRawData();
        tensor.ClearDataLocation();
        (tensor.Name, tensor.DataType) = (name, (int)type);
        if (dim is { } size) tensor.Dims.Add(size);
    }

    private void RenamePort(ValueInfoProto port)
    {
        var (old, name) = (port.Name, Any(Names));
        port.Name = name;
        foreach (var node in _graph.Node)
        {
            for (var i = 0; i < node.Output.Count; i++)
                if (node.Output[i] == old) node.Output[i] = name;
            for (var i = 0; i < node.Input.Count; i++)
                if (node.Input[i] == old) node.Input[i] = name;
        }
    }

    private void Retype(ValueInfoProto port)
    {
        switch (_random.Next(5))
        {
            case 0: port.Type = null; break;
            case 1: port.Type = new TypeProto { SequenceType = new TypeProto.Types.Sequence() }; break;
            case 2: port.Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = _random.Next(-1, 30) } }; break;
            case 3: port.Type?.TensorType?.Shape?.Dim.Clear(); break;
            default: port.Type?.TensorType?.Shape?.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = Any(Numbers) }); break;
        }
    }

    /// <summary>A node moved into the branch of an If, where it reads the values around it.</summary>
    private void Wrap(IList<NodeProto> nodes, NodeProto node)
    {
        var branch = new GraphProto { Name = "branch", Node = { node.Clone() } };
        branch.Output.AddRange(node.Output.Select(o => new ValueInfoProto { Name = o }));
        var outer = new NodeProto
        {
            OpType = Any(["If", "Loop", "Scan"]),
            Name = node.Name,
            Attribute = { new AttributeProto { Name = "then_branch", Type = AttributeProto.Types.AttributeType.Graph, G = branch } },
        };
        outer.Output.AddRange(node.Output);
        nodes[nodes.IndexOf(node)] = outer;
    }

    private void CutFunction()
    {
        if (_model.Functions.Count == 0) return;
        var function = Any(_model.Functions);
        switch (_random.Next(4))
        {
            case 0: Cut(function.Input); break;
            case 1: Cut(function.Output); break;
            case 2: function.Name = Any(Operators); break;
            default: function.Node.Add(HostileGraphs.CallOf(function)); break;
        }
    }
}
