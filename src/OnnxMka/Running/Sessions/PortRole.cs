namespace OnnxMka.Running.Sessions;

/// <summary>What a decoder asks for at an input.</summary>
internal enum PortRole
{
    /// <summary>Token ids, or the embeddings that stand for them.</summary>
    Tokens,

    /// <summary>A cache or state of a block.</summary>
    Past,

    /// <summary>Whether there is a cache (Optimum's merged exports).</summary>
    UseCache,

    /// <summary>Which tokens may be looked at.</summary>
    Mask,

    /// <summary>Places of the new tokens, counted from the start of the sequence.</summary>
    Positions,

    /// <summary>Number of cached tokens, and so the place of the first new one.</summary>
    PastLength,

    /// <summary>Number of cached and new tokens.</summary>
    TotalLength,

    /// <summary>Place of the last token: one less than all of them (<c>seqlens_k</c> of GroupQueryAttention).</summary>
    LastPlace,

    /// <summary>Number of tokens whose logits are wanted.</summary>
    NewLength,
}
