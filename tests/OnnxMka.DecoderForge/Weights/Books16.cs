using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>The trained Llama stand-in of 16 blocks, read from its TorchScript export.</summary>
public static class Books16
{
    public static Network Network { get; } = new()
    {
        Vocabulary = 2048,
        Hidden = 128,
        Heads = 4,
        KvHeads = 2,
        HeadSize = 32,
        Inner = 352,
        MaxPositions = 512,
    };

    public static int BlockCount => 16;

    /// <summary>
    /// Reads the weights from the model file. Projections follow in block order: query, key, value, output, gate, up, down.
    /// </summary>
    public static DecoderWeights Read(string modelPath)
    {
        var model = OnnxModel.Load(modelPath);
        using var reader = new TensorReader();
        var projections = model.Graph.Nodes
            .Where(n => n.OpType == "MatMul" && n.Inputs[1].StartsWith("onnx::", StringComparison.Ordinal))
            .Select(n => Tensor(model.Graph.Initializers[n.Inputs[1]]))
            .ToArray();
        Role[] order = [Role.Query, Role.Key, Role.Value, Role.Output, Role.Gate, Role.Up, Role.Down];
        if (projections.Length != BlockCount * order.Length)
            throw new InvalidDataException($"{modelPath} has {projections.Length} projections, not {BlockCount * order.Length}");
        return new DecoderWeights
        {
            Embedding = Named("model.embed_tokens.weight"),
            FinalNorm = Named("model.norm.weight"),
            Blocks = [.. Enumerable.Range(0, BlockCount).Select(Block)],
        };

        WeightTensor Named(string name) => Tensor(model.Graph.Initializers[name]);

        WeightTensor Tensor(TensorRef tensor) => new([.. tensor.Shape.Select(d => (int)d)], reader.ReadFloats(tensor));

        ImmutableSortedDictionary<Role, WeightTensor> Block(int block)
        {
            var tensors = order.Select((role, i) => KeyValuePair.Create(role, projections[block * order.Length + i]));
            return tensors
                .Append(KeyValuePair.Create(Role.InputNorm, Named($"model.layers.{block}.input_layernorm.weight")))
                .Append(KeyValuePair.Create(Role.PostNorm, Named($"model.layers.{block}.post_attention_layernorm.weight")))
                .ToImmutableSortedDictionary();
        }
    }
}
