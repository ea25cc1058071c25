using Google.Protobuf;
using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>
/// Graphs as an exporter writes them but for a few numbers: attributes, weights' sizes and constant shapes that a runtime may take on
/// trust. The tensors themselves stay consistent. The same bytes for the same seed.
/// </summary>
public sealed class OperatorDamage
{
    /// <summary>Operators with kernels of their own shape arithmetic are drawn as often as all others together.</summary>
    private static readonly HashSet<string> Intricate = new(StringComparer.Ordinal)
    {
        "Attention",
        "DequantizeLinear",
        "EmbedLayerNormalization",
        "GatherBlockQuantized",
        "GroupQueryAttention",
        "LayerNormalization",
        "MatMulNBits",
        "MoE",
        "MultiHeadAttention",
        "QMoE",
        "RMSNormalization",
        "Reshape",
        "RotaryEmbedding",
        "SimplifiedLayerNormalization",
        "SkipLayerNormalization",
        "SkipSimplifiedLayerNormalization",
        "Slice",
        "Split",
        "TopK",
    };

    private static readonly string[] Names =
    [
        "K",
        "N",
        "axis",
        "batch_dims",
        "bits",
        "block_size",
        "do_rotary",
        "expert_weight_bits",
        "gather_axis",
        "group",
        "interleaved",
        "is_causal",
        "is_packed_batching",
        "k",
        "kv_num_heads",
        "local_window_size",
        "normalize_routing_weights",
        "num_heads",
        "num_outputs",
        "past_present_share_buffer",
        "q_num_heads",
        "quantize_axis",
        "rotary_embedding_dim",
        "rotary_interleaved",
        "scale",
        "smooth_softmax",
        "softcap",
        "swiglu_fusion",
        "unidirectional", "use_sparse_mixer", "accuracy_level", "qk_output", "qk_matmul_output_mode", "stash_type",
    ];

    private static readonly long[] Numbers =
        [
            0, 0, -1, 1, 2, 3, 4, 5, 7, 8, 15, 16, 32, 33, 63, 64, 99, 128, 256, 1 << 16, 1 << 30, int.MaxValue, int.MinValue, 1L << 32,
            (1L << 32) + 4, 1L << 62, long.MinValue, long.MaxValue,
        ];

    private static readonly float[] Fractions =
    [
        0, -0f, -1, 1e-45f, 1e38f, -1e38f, 50, float.NaN, float.PositiveInfinity, float.NegativeInfinity,
    ];

    private readonly GraphProto _graph;
    private readonly Random _random;

    private OperatorDamage(GraphProto graph, Random random) => (_graph, _random) = (graph, random);

    public static byte[] Of(byte[] model, int seed)
    {
        var proto = ModelProto.Parser.ParseFrom(model);
        var random = new Random(seed);
        var damage = new OperatorDamage(proto.Graph, random);
        var nodes = proto.Functions.SelectMany(f => f.Node).Concat(proto.Graph.Node).Where(n => n.Input.Count > 0).ToArray();
        var intricate = nodes.Where(n => Intricate.Contains(n.OpType)).ToArray();
        for (var i = random.Next(3) == 0 ? 3 : 1; i > 0; i--)
            damage.Apply(intricate.Length > 0 && random.Next(2) == 0 ? damage.Any(intricate) : damage.Any(nodes));
        return proto.ToByteArray();
    }

    private void Apply(NodeProto node)
    {
        var weights = _graph.Initializer.Where(t => node.Input.Contains(t.Name)).ToArray();
        switch (_random.Next(weights.Length > 0 ? 14 : 6))
        {
            case 0 or 1 or 2 when node.Attribute.Count > 0: Change(Any(node.Attribute)); break;
            case 3 when node.Attribute.Count > 0: node.Attribute.RemoveAt(_random.Next(node.Attribute.Count)); break;
            case 0 or 1 or 2 or 3 or 4: Add(node); break;
            case 5:
                node.Input[_random.Next(node.Input.Count)] = _graph.Initializer.Count > 0 && _random.Next(2) == 0
                    ? Any(_graph.Initializer).Name
                    : "";
                break;
            case 6 or 7 or 8: Resize(Any(weights)); break;
            case 9: Turn(Any(weights)); break;
            case 10: Retype(Any(weights)); break;
            case 11: (node.Input[0], node.Input[^1]) = (node.Input[^1], node.Input[0]); break;
            default: Revalue(Any(weights)); break;
        }
    }

    private T Any<T>(IList<T> list) => list[_random.Next(list.Count)];

    private void Change(AttributeProto attribute)
    {
        switch (attribute.Type)
        {
            case AttributeProto.Types.AttributeType.Int: attribute.I = Any(Numbers); break;
            case AttributeProto.Types.AttributeType.Float: attribute.F = Any(Fractions); break;
            case AttributeProto.Types.AttributeType.Ints when attribute.Ints.Count > 0:
                attribute.Ints[_random.Next(attribute.Ints.Count)] = Any(Numbers); break;
            case AttributeProto.Types.AttributeType.String: attribute.S = ByteString.CopyFromUtf8("none such"); break;
            case AttributeProto.Types.AttributeType.Tensor: Revalue(attribute.T); break;
            default: break;
        }
    }

    private void Add(NodeProto node)
    {
        var name = Any(Names);
        if (node.Attribute.Any(a => a.Name == name)) return;
        node.Attribute.Add(name is "scale" or "softcap"
            ? new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Float, F = Any(Fractions) }
            : new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = Any(Numbers) });
    }

    /// <summary>Fewer or more rows along one axis; the data are cut, or filled up with zeros.</summary>
    private void Resize(TensorProto tensor)
    {
        if (tensor.Dims.Count == 0) return;
        var axis = _random.Next(tensor.Dims.Count);
        var size = tensor.Dims[axis];
        tensor.Dims[axis] = Math.Clamp(Any([0, 1, size / 2, size - 1, size + 1, size * 2]), 0, 1 << 12);
        Fill(tensor, (ElementType)tensor.DataType);
    }

    /// <summary>The same elements in another shape.</summary>
    private void Turn(TensorProto tensor)
    {
        if (tensor.Dims.Count > 1 && _random.Next(2) == 0)
        {
            (tensor.Dims[0], tensor.Dims[^1]) = (tensor.Dims[^1], tensor.Dims[0]);
            return;
        }

        var count = tensor.Dims.Aggregate(1L, (a, b) => a * b);
        tensor.Dims.Clear();
        tensor.Dims.AddRange(Any<long[]>([[count], [1, count], [count, 1], [1, 1, count]]));
    }

    private void Retype(TensorProto tensor) => Fill(tensor, Any<ElementType>(
        [
            ElementType.Float, ElementType.Float16, ElementType.BFloat16, ElementType.Double, ElementType.UInt8, ElementType.Int8,
            ElementType.Int32, ElementType.Int64, ElementType.UInt4, ElementType.Int4, ElementType.Float8E4M3FN,
        ]));

    /// <summary>One element of a small integer tensor, a constant shape say; all elements of a small float one.</summary>
    private void Revalue(TensorProto tensor)
    {
        var type = (ElementType)tensor.DataType;
        var bytes = Fill(tensor, type);
        if (bytes.Length == 0 || bytes.Length > 1 << 16) return;
        if (type == ElementType.Int64) BitConverter.TryWriteBytes(bytes.AsSpan(8 * _random.Next(bytes.Length / 8)), Any(Numbers));
        else if (type == ElementType.Int32) BitConverter.TryWriteBytes(bytes.AsSpan(4 * _random.Next(bytes.Length / 4)), (int)Any(Numbers));
        else if (type == ElementType.Float) BitConverter.TryWriteBytes(bytes.AsSpan(4 * _random.Next(bytes.Length / 4)), Any(Fractions));
        else _random.NextBytes(bytes);
        tensor.RawData = ByteString.CopyFrom(bytes);
    }

    /// <summary>As many bytes as type and shape take: those there were, then zeros.</summary>
    private static byte[] Fill(TensorProto tensor, ElementType type)
    {
        if (type.Bits() == 0) return [];
        var bytes = new byte[((tensor.Dims.Aggregate(1L, (a, b) => a * b) * type.Bits()) + 7) / 8];
        var old = Bytes(tensor);
        old.AsSpan(0, Math.Min(old.Length, bytes.Length)).CopyTo(bytes);
        tensor.FloatData.Clear();
        tensor.Int32Data.Clear();
        tensor.Int64Data.Clear();
        tensor.DataType = (int)type;
        tensor.RawData = ByteString.CopyFrom(bytes);
        return bytes;
    }

    private static byte[] Bytes(TensorProto tensor) => tensor switch
    {
        { Int64Data.Count: > 0 } => [.. tensor.Int64Data.SelectMany(BitConverter.GetBytes)],
        { Int32Data.Count: > 0 } => [.. tensor.Int32Data.SelectMany(BitConverter.GetBytes)],
        { FloatData.Count: > 0 } => [.. tensor.FloatData.SelectMany(BitConverter.GetBytes)],
        _ => tensor.RawData.ToByteArray(),
    };
}
