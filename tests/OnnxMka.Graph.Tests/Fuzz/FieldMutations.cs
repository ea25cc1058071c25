using Google.Protobuf;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Tests.Fuzz;

/// <summary>Damage that keeps the file a sound protobuf message: hostile values in the right places.</summary>
internal static class FieldMutations
{
    private static readonly long[] Dims =
    [
        0, 1, -1, 2, 3, 1024, int.MaxValue, 1L << 32, 1L << 56, 1L << 60, 1L << 62, long.MaxValue, long.MinValue,
    ];

    private static readonly string[] Numbers =
        [
            "0", "1", "-1", "4096", "99999", "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551616", "", "0x10",
            "1e3", " 1", "NaN",
        ];

    private static readonly string[] Locations =
    [
        "../secret.bin",
        "..\\secret.bin",
        "/etc/passwd",
        "model.onnx",
        "./model.onnx",
        "parts/../model.onnx.data",
        "parts",
        ".",
        "",
        "..",
        "a/../../secret.bin",
        "even.bin",
        "model.onnx.data",
        "model.onnx_data",
        "link-out",
        "folder-out/secret.bin",
        "folder-out",
        "C:\\secret.bin",
        "nul\0.bin",
        "\u001b[31m.bin",
        "pipe",
        "loop",
    ];

    private static readonly string[] Names =
    [
        "", "x", "y", "w.big", "sum", "then.out", "hidden", "\u001b[2J", "a\nb", "\u202e", "nowhere", "ü",
    ];

    public static void Apply(ModelProto model, FuzzFixture other, Random random)
    {
        var tensors = TensorWalk.All(model).ToArray();
        var tensor = tensors.Length > 0 ? Any(tensors, random) : new TensorProto();
        var nodes = model.Graph.Node;
        var node = nodes.Count > 0 ? Any(nodes, random) : new NodeProto();
        switch (random.Next(20))
        {
            case 0: SetDim(tensor, random); break;
            case 1: SetEntry(tensor, "location", Any(Locations, random), random); break;
            case 2: SetEntry(tensor, "offset", Any(Numbers, random), random); break;
            case 3: SetEntry(tensor, "length", Any(Numbers, random), random); break;
            case 4: tensor.DataType = random.Next(-1, 30); break;
            case 5:
                tensor.DataLocation = random.Next(2) == 0
                    ? TensorProto.Types.DataLocation.External
                    : TensorProto.Types.DataLocation.Default;
                break;
            case 6: tensor.Payload = (uint)random.Next(); break;
            case 7: AddData(tensor, random); break;
            case 8: tensor.Segment = new TensorProto.Types.Segment { Begin = random.NextInt64(), End = random.NextInt64() }; break;
            case 9: tensor.Name = Any(Names, random); break;
            case 10: Replace(node.Input, random); break;
            case 11: Replace(node.Output, random); break;
            case 12: nodes.Add(node.Clone()); break;
            case 13: nodes.Remove(node); break;
            case 14: model.Graph.Initializer.Add(Any(TensorWalk.All(other.Proto).ToArray(), random).Clone()); break;
            case 15: node.Attribute.Add(new AttributeProto { Name = Any(Names, random), T = tensor.Clone() }); break;
            case 16: node.Attribute.Add(new AttributeProto { Name = "nested", G = Nested(other.Proto.Graph, random.Next(1, 20)) }); break;
            case 17: Any(model.Graph.Output, random).Name = Any(Names, random); break;
            case 18: tensor.RawData = ByteString.CopyFrom(new byte[random.Next(0, 3000)]); break;
            default: (node.Name, node.OpType, model.IrVersion) = (Any(Names, random), Any(Names, random), random.Next(0, 14)); break;
        }
    }

    private static T Any<T>(IList<T> list, Random random)
        where T : class => list.Count > 0 ? list[random.Next(list.Count)] : Activator.CreateInstance<T>();

    private static void SetDim(TensorProto tensor, Random random)
    {
        if (tensor.Dims.Count == 0 || random.Next(4) == 0) tensor.Dims.Add(Dims[random.Next(Dims.Length)]);
        else tensor.Dims[random.Next(tensor.Dims.Count)] = Dims[random.Next(Dims.Length)];
    }

    private static void SetEntry(TensorProto tensor, string key, string value, Random random)
    {
        if (random.Next(4) == 0)
        {
            tensor.DataLocation = TensorProto.Types.DataLocation.External;
            tensor.ClearRawData();
        }

        var entry = tensor.ExternalData.FirstOrDefault(e => e.Key == key);
        if (entry is null || random.Next(8) == 0) TensorStore.Entry(tensor, key, value);
        else entry.Value = value;
    }

    private static void AddData(TensorProto tensor, Random random)
    {
        var count = random.Next(1, 2000);
        switch (random.Next(5))
        {
            case 0: tensor.FloatData.AddRange(new float[count]); break;
            case 1: tensor.Int32Data.AddRange(new int[count]); break;
            case 2: tensor.Int64Data.AddRange(Enumerable.Repeat(random.NextInt64(), count)); break;
            case 3: tensor.Uint64Data.Add(ulong.MaxValue); break;
            default: tensor.StringData.Add(ByteString.CopyFromUtf8("s")); break;
        }
    }

    private static void Replace(Google.Protobuf.Collections.RepeatedField<string> names, Random random)
    {
        if (names.Count == 0) names.Add(Any(Names, random));
        else names[random.Next(names.Count)] = Any(Names, random);
    }

    private static GraphProto Nested(GraphProto graph, int depth)
    {
        var inner = graph.Clone();
        for (var i = 0; i < depth; i++)
        {
            inner = new GraphProto
            {
                Node = { new NodeProto { OpType = "If", Output = { "y" }, Attribute = { new AttributeProto { Name = "g", G = inner } } } },
            };
        }

        return inner;
    }
}
