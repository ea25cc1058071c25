using System.Runtime.InteropServices;
using Google.Protobuf;
using OnnxMka.Graph.Proto;
using static OnnxMka.Graph.Proto.AttributeProto.Types;

namespace OnnxMka.Graph.Tests;

/// <summary>
/// A model of a few kilobytes with a tensor in every place that can hold one:
/// <code>
/// x -> MatMul(w.big) -> Add(b.small) -> If(flag){ then: Mul(captured, then.scale) | else: Constant } -> Reshape(shape.small) -> y
/// index.big (int64), packed.big (uint8), constant.big and constant.small in attributes
/// </code>
/// </summary>
internal sealed class SmallModel
{
    private readonly TensorStore _store;

    private SmallModel(Storage storage, ElementType type)
    {
        _store = new TensorStore(storage);
        Proto = new ModelProto { IrVersion = 8, ProducerName = "small", ProducerVersion = "1", Graph = Graph(type) };
        Proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 17 });
        Proto.MetadataProps.Add(new StringStringEntryProto { Key = "note", Value = "kept" });
    }

    public ModelProto Proto { get; }

    public IReadOnlyDictionary<string, byte[]> Expected => _store.Expected;

    public IReadOnlyDictionary<string, byte[]> Files => _store.Files;

    public static SmallModel Of(Storage storage, ElementType type = ElementType.Float) => new(storage, type);

    /// <summary>Writes model and data files; returns the model's path.</summary>
    public string Save(string folder, string name = "model.onnx")
    {
        foreach (var (location, bytes) in Files)
        {
            var path = Path.Combine(folder, location);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, bytes);
        }

        return Save(Proto, folder, name);
    }

    public static string Save(ModelProto proto, string folder, string name = "model.onnx")
    {
        var path = Path.Combine(folder, name);
        File.WriteAllBytes(path, proto.ToByteArray());
        return path;
    }

    public static NodeProto Node(string op, string[] inputs, string[] outputs, params AttributeProto[] attributes)
    {
        var node = new NodeProto { OpType = op, Name = $"node/{outputs.FirstOrDefault()}" };
        node.Input.AddRange(inputs);
        node.Output.AddRange(outputs);
        node.Attribute.AddRange(attributes);
        return node;
    }

    public static ValueInfoProto Port(string name, ElementType type = ElementType.Float) =>
        new() { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type } } };

    /// <summary>Bytes that differ from tensor to tensor; float types get finite values.</summary>
    public static byte[] Bytes(ElementType type, int elements, int seed)
    {
        var random = new Random(seed);
        var bytes = new byte[(elements * type.Bits() + 7) / 8];
        if (type.IsMergeable())
        {
            var values = new double[elements];
            for (var i = 0; i < elements; i++) values[i] = random.NextDouble() - 0.5;
            FloatCodec.Encode(type, values, bytes);
        }
        else if (type == ElementType.Int64)
        {
            // Negative numbers take ten bytes as a varint, small ones a single byte.
            var values = MemoryMarshal.Cast<byte, long>(bytes.AsSpan());
            for (var i = 0; i < elements; i++) values[i] = random.NextInt64(-3, 1L << random.Next(1, 62));
        }
        else
        {
            random.NextBytes(bytes);
        }

        return bytes;
    }

    private GraphProto Graph(ElementType type)
    {
        var graph = new GraphProto { Name = "main" };
        graph.Input.AddRange([Port("x", type), Port("flag", ElementType.Bool)]);
        graph.Output.Add(Port("y", type));
        graph.Initializer.AddRange([
            Tensor("w.big", type, 32, 32), Tensor("b.small", type, 32), Tensor("index.big", ElementType.Int64, 300),
            Tensor("packed.big", ElementType.UInt8, 1500), Tensor("empty", type, 0, 4),
        ]);
        graph.Initializer.Add(_store.Put("shape.small", ElementType.Int64, [2], MemoryMarshal.AsBytes<long>([-1, 32]).ToArray()));
        graph.Node.AddRange([
            Node("MatMul", ["x", "w.big"], ["hidden"]),
            Node("Constant", [], ["c.big"], Attribute("value", Tensor("constant.big", type, 1100))),
            Node("Constant", [], ["c.small"], Attribute("value", Tensor("constant.small", type, 3))),
            Node("Add", ["hidden", "b.small"], ["sum"]),
            Node("If", ["flag"], ["chosen"], Attribute("then_branch", Then(type)), Attribute("else_branch", Else(type))),
            Node("Reshape", ["chosen", "shape.small"], ["shaped"]),
            Node("Gather", ["shaped", "index.big"], ["y"], new AttributeProto { Name = "axis", Type = AttributeType.Int, I = 1 }),
            Node("Custom", ["packed.big", "c.big", "c.small", "empty"], ["dead"]),
        ]);
        return graph;
    }

    private GraphProto Then(ElementType type)
    {
        var graph = new GraphProto { Name = "then" };
        graph.Initializer.Add(Tensor("then.scale", type, 40, 40));
        graph.Node.Add(Node("Mul", ["sum", "then.scale"], ["then.out"]));
        graph.Output.Add(Port("then.out", type));
        return graph;
    }

    private GraphProto Else(ElementType type)
    {
        var graph = new GraphProto { Name = "else" };
        graph.Node.Add(Node("Constant", [], ["else.out"], Attribute("value", Tensor("else.constant", type, 1200))));
        graph.Output.Add(Port("else.out", type));
        return graph;
    }

    private TensorProto Tensor(string name, ElementType type, params long[] dims)
    {
        var elements = (int)dims.Aggregate(1L, (a, b) => a * b);
        return _store.Put(name, type, dims, Bytes(type, elements, name.Length + elements));
    }

    public static AttributeProto Attribute(string name, TensorProto tensor) =>
        new() { Name = name, Type = AttributeType.Tensor, T = tensor };

    public static AttributeProto Attribute(string name, GraphProto graph) => new() { Name = name, Type = AttributeType.Graph, G = graph };
}
