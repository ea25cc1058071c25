using System.Runtime.InteropServices;
using Google.Protobuf;
using OnnxMka.Graph;
using OnnxMka.Graph.Proto;
using static OnnxMka.Graph.Proto.AttributeProto.Types;

namespace OnnxMka.MakeBig;

/// <summary>
/// A decoder as ORT GenAI's model builder writes it: skip-norms, GroupQueryAttention with rotary inside, fp16, grouped cache ports.
/// </summary>
internal sealed class BigDecoder
{
    private const string Contrib = "com.microsoft";
    private readonly Shape _shape;
    private readonly GraphProto _graph = new() { Name = "main_graph" };
    private readonly List<TensorContent> _payloads = [];

    private BigDecoder(Shape shape) => _shape = shape;

    /// <summary>Structure with weights that are computed while they are written.</summary>
    public static OnnxModel Of(Shape shape, string path)
    {
        var decoder = new BigDecoder(shape);
        decoder.Write();
        var proto = new ModelProto { IrVersion = 10, ProducerName = "make-big", Graph = decoder._graph };
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = 21 });
        proto.OpsetImport.Add(new OperatorSetIdProto { Domain = Contrib, Version = 1 });
        return new OnnxModel(path, proto, decoder._payloads);
    }

    private void Write()
    {
        Port(_graph.Input, "input_ids", ElementType.Int64, "batch_size", "sequence_length");
        Port(_graph.Input, "attention_mask", ElementType.Int64, "batch_size", "total_sequence_length");
        Lengths();
        RotaryCaches();
        Weight("model.embed_tokens.weight", _shape.Vocabulary, _shape.Hidden, 0);
        Node("Gather", "", ["model.embed_tokens.weight", "input_ids"], ["embedding"]);
        var (stream, branch) = ("embedding", "");
        for (var i = 0; i < _shape.Blocks; i++) (stream, branch) = Block(i, stream, branch);
        SkipNorm($"model.layers.{_shape.Blocks}.final_norm_layernorm", stream, branch, "normed", "");
        Head();
        foreach (var part in new[] { "key", "value" })
        {
            for (var i = 0; i < _shape.Blocks; i++)
            {
                string[] dims = ["batch_size", $"{_shape.KvHeads}", "past_sequence_length", $"{_shape.HeadSize}"];
                Port(_graph.Input, $"past_key_values.{i}.{part}", ElementType.Float16, dims);
                dims[2] = "total_sequence_length";
                Port(_graph.Output, $"present.{i}.{part}", ElementType.Float16, dims);
            }
        }
    }

    private void Lengths()
    {
        Ints("one", 1);
        Node("ReduceSum", "", ["attention_mask", "one"], ["mask_sum"], ("keepdims", 0L));
        Node("Sub", "", ["mask_sum", "one"], ["mask_last"]);
        Node("Cast", "", ["mask_last"], ["seqlens_k"], ("to", (long)ElementType.Int32));
        Node("Shape", "", ["attention_mask"], ["mask_shape"]);
        Node("Gather", "", ["mask_shape", "one"], ["total_1d"]);
        Node("Squeeze", "", ["total_1d"], ["total_int64"]);
        Node("Cast", "", ["total_int64"], ["total_sequence"], ("to", (long)ElementType.Int32));
    }

    private void RotaryCaches()
    {
        var half = _shape.HeadSize / 2;
        foreach (var (name, function) in new (string, Func<double, double>)[] { ("cos_cache", Math.Cos), ("sin_cache", Math.Sin) })
        {
            var values = new Half[Shape.MaxPositions * half];
            for (var p = 0; p < Shape.MaxPositions; p++)
            {
                for (var k = 0; k < half; k++) values[(p * half) + k] = (Half)function(p * Math.Pow(500000, -(double)k / half));
            }

            Tensor(
                name, ElementType.Float16, [Shape.MaxPositions, half], new MemoryBytes(MemoryMarshal.AsBytes(values.AsSpan()).ToArray()));
        }
    }

    private (string Stream, string Branch) Block(int i, string stream, string branch)
    {
        var name = $"model.layers.{i}";
        var kv = _shape.KvHeads * _shape.HeadSize;
        var inner = $"{name}/stream";
        if (branch.Length == 0) (inner, _) = (stream, Norm($"{name}.input_layernorm", stream, $"{name}/normed"));
        else SkipNorm($"{name}.input_layernorm", stream, branch, $"{name}/normed", inner);
        foreach (var (projection, width) in new[] { ("q_proj", _shape.Heads * _shape.HeadSize), ("k_proj", kv), ("v_proj", kv) })
            Linear($"{name}.attn.{projection}", $"{name}/normed", _shape.Hidden, width);
        Node(
            "GroupQueryAttention", Contrib,
            [
                $"{name}.attn.q_proj/out", $"{name}.attn.k_proj/out", $"{name}.attn.v_proj/out", $"past_key_values.{i}.key",
                $"past_key_values.{i}.value", "seqlens_k", "total_sequence", "cos_cache", "sin_cache",
            ],
            [$"{name}/attention", $"present.{i}.key", $"present.{i}.value"],
            ("num_heads", (long)_shape.Heads), ("kv_num_heads", (long)_shape.KvHeads), ("do_rotary", 1L));
        var attention = Linear($"{name}.attn.o_proj", $"{name}/attention", _shape.Heads * _shape.HeadSize, _shape.Hidden);
        SkipNorm($"{name}.post_attention_layernorm", inner, attention, $"{name}/mlp_in", $"{name}/middle");
        var gate = Linear($"{name}.mlp.gate_proj", $"{name}/mlp_in", _shape.Hidden, _shape.Inner);
        var up = Linear($"{name}.mlp.up_proj", $"{name}/mlp_in", _shape.Hidden, _shape.Inner);
        Node("Sigmoid", "", [gate], [$"{name}/sigmoid"]);
        Node("Mul", "", [gate, $"{name}/sigmoid"], [$"{name}/silu"]);
        Node("Mul", "", [$"{name}/silu", up], [$"{name}/gated"]);
        return ($"{name}/middle", Linear($"{name}.mlp.down_proj", $"{name}/gated", _shape.Inner, _shape.Hidden));
    }

    private void Head()
    {
        Port(_graph.Output, "logits", ElementType.Float16, "batch_size", "sequence_length", $"{_shape.Vocabulary}");
        if (_shape.Tied) Node("Transpose", "", ["model.embed_tokens.weight"], ["head"], ("perm", new[] { 1L, 0L }));
        else Weight("head", _shape.Hidden, _shape.Vocabulary, RandomHalves.ExponentFor(_shape.Hidden));
        Node("MatMul", "", ["normed", "head"], ["logits"]);
    }

    private string Linear(string name, string input, int width, int height)
    {
        Weight($"{name}.MatMul.weight", width, height, RandomHalves.ExponentFor(width));
        Node("MatMul", "", [input, $"{name}.MatMul.weight"], [$"{name}/out"]);
        return $"{name}/out";
    }

    private string Norm(string name, string input, string output)
    {
        Ones($"{name}.weight");
        Node(
            "SimplifiedLayerNormalization", "", [input, $"{name}.weight"], [output], ("axis", -1L), ("epsilon", 1e-5f), ("stash_type", 1L));
        return output;
    }

    private void SkipNorm(string name, string stream, string branch, string output, string sum)
    {
        Ones($"{name}.weight");
        Node(
            "SkipSimplifiedLayerNormalization",
            Contrib,
            [stream, branch, $"{name}.weight"],
            sum.Length > 0 ? [output, "", "", sum] : [output],
            ("epsilon", 1e-5f));
    }

    private void Ones(string name)
    {
        var ones = new Half[_shape.Hidden];
        Array.Fill(ones, Half.One);
        Tensor(name, ElementType.Float16, [_shape.Hidden], new MemoryBytes(MemoryMarshal.AsBytes(ones.AsSpan()).ToArray()));
    }

    private void Weight(string name, long rows, long columns, int exponent) =>
        Tensor(
            name, ElementType.Float16, [rows, columns], new RandomHalves(rows * columns, (ulong)_graph.Initializer.Count << 40, exponent));

    private void Ints(string name, params long[] values) =>
        _graph.Initializer.Add(
            new TensorProto
            {
                Name = name,
                DataType = (int)ElementType.Int64,
                Dims = { values.Length },
                RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(values.AsSpan())),
            });

    private void Tensor(string name, ElementType type, long[] dims, TensorContent content)
    {
        _payloads.Add(content);
        var tensor = new TensorProto { Name = name, DataType = (int)type, Payload = (uint)_payloads.Count };
        tensor.Dims.AddRange(dims);
        _graph.Initializer.Add(tensor);
    }

    private void Node(string op, string domain, string[] inputs, string[] outputs, params (string Name, object Value)[] attributes)
    {
        var node = new NodeProto { OpType = op, Name = $"/{outputs[0]}", Domain = domain };
        node.Input.AddRange(inputs);
        node.Output.AddRange(outputs);
        foreach (var (name, value) in attributes)
        {
            var attribute = new AttributeProto { Name = name };
            switch (value)
            {
                case long i: (attribute.Type, attribute.I) = (AttributeType.Int, i); break;
                case float f: (attribute.Type, attribute.F) = (AttributeType.Float, f); break;
                case long[] list: attribute.Type = AttributeType.Ints; attribute.Ints.AddRange(list); break;
            }

            node.Attribute.Add(attribute);
        }

        _graph.Node.Add(node);
    }

    private static void Port(
        Google.Protobuf.Collections.RepeatedField<ValueInfoProto> ports, string name, ElementType type, params string[] dims) =>
        ports.Add(OnnxMka.Graph.Editing.NodeSpecs.Port(name, type, [.. dims]));
}
