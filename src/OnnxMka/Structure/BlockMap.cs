using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>The decoder blocks of a model in order, and the ports around them.</summary>
/// <param name="Model">What they are blocks of.</param>
/// <param name="Blocks">In order; each has its own number.</param>
/// <param name="TokenInput">Graph input that carries token ids, or embeddings where <paramref name="TakesEmbeddings"/>.</param>
/// <param name="TakesEmbeddings">Embeddings come from outside, as in parts of models for several kinds of input.</param>
/// <param name="Logits">Graph output with the next-token scores (hidden states where the head was left out).</param>
public sealed record BlockMap(OnnxModel Model, ImmutableArray<Block> Blocks, string TokenInput, bool TakesEmbeddings, string Logits)
{
    /// <summary>Blocks, or halves where it has those.</summary>
    public int Count => Blocks.Length;

    /// <summary>Decoder layers; fewer than blocks where those are halves.</summary>
    public int LayerCount => Blocks[^1].Layer + 1;

    /// <summary>Names of the blocks where some are halves of layers; null where all are layers.</summary>
    public ImmutableArray<string>? HalfNames => Blocks.Any(b => b.Half is not null) ? [.. Blocks.Select(b => b.Name)] : null;

    /// <summary>Seams 0..L-1 in order.</summary>
    public IEnumerable<Seam> Seams => Blocks.Select(b => b.Output);

    /// <summary>Elements of the block's parameters; a tensor that it reads twice counts once.</summary>
    public long ParameterCount(Block block) => Tensors(block).Sum(t => t.ElementCount);

    /// <summary>Bytes of the block's parameters as stored.</summary>
    public long ParameterBytes(Block block) => Tensors(block).Sum(t => t.ByteLength);

    /// <summary>A parameter's tensor: an initializer, or the value of a Constant node.</summary>
    public TensorRef Tensor(string name)
    {
        if (Model.Graph.Initializers.TryGetValue(name, out var tensor)) return tensor;
        return Model.Graph.Nodes.First(n => n.OpType == "Constant" && n.Outputs[0] == name).Attributes["value"].Tensor!;
    }

    private IEnumerable<TensorRef> Tensors(Block block) =>
        block.Parameters.Select(p => p.Initializer).Distinct(StringComparer.Ordinal).Select(Tensor);
}
