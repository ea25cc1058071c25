namespace OnnxMka.Forge;

/// <summary>What one block has for itself. Goes along with the block when others are removed.</summary>
public sealed record BlockSpec
{
    public MlpKind Mlp { get; init; }

    public MixerKind Mixer { get; init; }

    /// <summary>Positions that a query sees, itself included; 0 means all.</summary>
    public int Window { get; init; }

    /// <summary>Tokens that the block's cache keeps; 0 means all. A window needs one less than it sees.</summary>
    public int CacheLength { get; init; }

    public bool LocalRope { get; init; }

    /// <summary>The block does not rotate (SmolLM3's layers without positions).</summary>
    public bool NoRope { get; init; }

    /// <summary>This block's own weight width, where it differs from the form's; 0 means the form's.</summary>
    public int Bits { get; init; }

    /// <summary>The block reads the cache that this block wrote, and has none of its own; -1 for none.</summary>
    public int SharesCacheOf { get; init; } = -1;

    /// <summary>Number of the block's KV ports where it is not the block's place; -1 for the place.</summary>
    public int Port { get; init; } = -1;

    /// <summary>How many layers the block is in the source model, where those without a state are counted too.</summary>
    public int SourceLayers { get; init; } = 1;

    public bool HasAttention => Mixer is MixerKind.Attention or MixerKind.AttentionAndRecurrence;

    public bool HasConvolution => Mixer is MixerKind.Convolution or MixerKind.ConvolvedRecurrence;

    public bool HasRecurrence => Mixer is MixerKind.Recurrence or MixerKind.ConvolvedRecurrence or MixerKind.AttentionAndRecurrence;

    /// <summary>Its cache holds all tokens so far.</summary>
    public bool KeepsAll => HasAttention && SharesCacheOf < 0 && CacheLength == 0;
}
