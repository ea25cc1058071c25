using System.Collections.Immutable;

namespace OnnxMka.Forge;

/// <summary>All weights of a decoder: those of each block by role, and those around the blocks.</summary>
public sealed record DecoderWeights
{
    public required ImmutableArray<ImmutableSortedDictionary<Role, WeightTensor>> Blocks { get; init; }

    /// <summary>[vocabulary, hidden]</summary>
    public required WeightTensor Embedding { get; init; }

    /// <summary>[positions, hidden]; null where positions are not learned.</summary>
    public WeightTensor? Positions { get; init; }

    public WeightTensor? EmbeddingNorm { get; init; }

    public WeightTensor? EmbeddingNormBias { get; init; }

    public WeightTensor? FinalNorm { get; init; }

    public WeightTensor? FinalNormBias { get; init; }

    /// <summary>[hidden, vocabulary]; null where the head is the embedding table, or there is none.</summary>
    public WeightTensor? Head { get; init; }

    /// <summary>[vocabulary, blocks of the original model * per-layer width]; null for most networks.</summary>
    public WeightTensor? PerLayerTable { get; init; }

    /// <summary>The same weights with one tensor of one block replaced.</summary>
    public DecoderWeights With(int block, Role role, WeightTensor tensor) =>
        this with { Blocks = Blocks.SetItem(block, Blocks[block].SetItem(role, tensor)) };

    /// <summary>The given blocks get the tensor of the first of them: what tied or freshly initialised modules look like.</summary>
    public DecoderWeights Tie(Role role, params ReadOnlySpan<int> blocks)
    {
        var tied = this;
        foreach (var block in blocks) tied = tied.With(block, role, Blocks[blocks[0]][role]);
        return tied;
    }

    /// <summary>Every tensor through <paramref name="change"/>.</summary>
    public DecoderWeights Map(Func<WeightTensor, WeightTensor> change) => this with
    {
        Blocks = [.. Blocks.Select(b => b.ToImmutableSortedDictionary(p => p.Key, p => change(p.Value)))],
        Embedding = change(Embedding),
        Positions = Positions is null ? null : change(Positions),
        EmbeddingNorm = EmbeddingNorm is null ? null : change(EmbeddingNorm),
        EmbeddingNormBias = EmbeddingNormBias is null ? null : change(EmbeddingNormBias),
        FinalNorm = FinalNorm is null ? null : change(FinalNorm),
        FinalNormBias = FinalNormBias is null ? null : change(FinalNormBias),
        Head = Head is null ? null : change(Head),
        PerLayerTable = PerLayerTable is null ? null : change(PerLayerTable),
    };
}
