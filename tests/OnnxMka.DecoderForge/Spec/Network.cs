namespace OnnxMka.Forge;

public enum NormKind { Rms, Layer }

/// <summary>How a block reads from and adds to the residual stream x, with attention A, MLP M and norms N.</summary>
public enum Topology
{
    /// <summary>x += A(N1 x); x += M(N2 x).</summary>
    PreNorm,

    /// <summary>x = N1(x + A x); x = N2(x + M x). No final norm.</summary>
    PostNorm,

    /// <summary>x += A(N1 x) + M(N1 x).</summary>
    ParallelOneNorm,

    /// <summary>x += A(N1 x) + M(N2 x).</summary>
    ParallelTwoNorms,

    /// <summary>x += N2 A(N1 x); x += N4 M(N3 x).</summary>
    Sandwich,

    /// <summary>x += N1 A(x); x += N2 M(x).</summary>
    NormAfter,
}

public enum MlpKind { SwiGlu, GeGlu, Gelu, GeluTanh, Relu, ReluSquared, Experts }

public enum QkNorm { None, PerHead, FullWidth }

public enum PositionKind { Rotary, Learned, None }

public enum HeadKind { Tied, Untied, None }

/// <summary>What brings tokens together in a block.</summary>
public enum MixerKind
{
    Attention,

    /// <summary>A gated short convolution (LFM2).</summary>
    Convolution,

    /// <summary>Linear attention, whose state is the sum of keys times values.</summary>
    Recurrence,

    /// <summary>Linear attention over a short convolution: two states (Mamba 2, Qwen3-Next).</summary>
    ConvolvedRecurrence,

    /// <summary>Attention and linear attention side by side, both added to the stream (Falcon-H1).</summary>
    AttentionAndRecurrence,
}

/// <summary>What is computed: sizes and architecture, whatever the graph that says so looks like.</summary>
public sealed record Network
{
    public int Vocabulary { get; init; } = 97;

    public int Hidden { get; init; } = 64;

    public int Heads { get; init; } = 4;

    public int KvHeads { get; init; } = 2;

    public int HeadSize { get; init; } = 16;

    public int Inner { get; init; } = 96;

    public int MaxPositions { get; init; } = 128;

    public int Experts { get; init; } = 4;

    public int ExpertsPerToken { get; init; } = 2;

    public NormKind Norm { get; init; }

    public float Epsilon { get; init; } = 1e-5f;

    public Topology Topology { get; init; }

    public bool QkvBias { get; init; }

    public bool OutputBias { get; init; }

    public bool MlpBias { get; init; }

    public QkNorm QkNorm { get; init; }

    public PositionKind Positions { get; init; }

    /// <summary>Rows of the learned position table that come before position 0 (2 in OPT).</summary>
    public int PositionOffset { get; init; }

    /// <summary>Dimensions of a head that are rotated; 0 means all.</summary>
    public int RotaryDim { get; init; }

    /// <summary>Pairs (0,1), (2,3), ... are rotated instead of (i, i + half).</summary>
    public bool RotaryInterleaved { get; init; }

    public float RopeTheta { get; init; } = 10000;

    /// <summary>Rope base of the blocks whose <see cref="BlockSpec.LocalRope"/> is set.</summary>
    public float LocalRopeTheta { get; init; } = 500;

    /// <summary>Above 0: sequences longer than this use frequencies divided by 4 (LongRoPE).</summary>
    public int LongRopeThreshold { get; init; }

    /// <summary>Factor on each branch before it joins the stream (Granite).</summary>
    public float ResidualScale { get; init; } = 1;

    public float EmbeddingScale { get; init; } = 1;

    public float LogitScale { get; init; } = 1;

    /// <summary>Above 0: scores s become c tanh(s / c).</summary>
    public float AttentionSoftcap { get; init; }

    public float LogitSoftcap { get; init; }

    public HeadKind Head { get; init; }

    /// <summary>The embedding goes through a norm of its own before block 0 (BERT, BLOOM).</summary>
    public bool EmbeddingNorm { get; init; }

    public bool Causal { get; init; } = true;

    /// <summary>A second attention in each block, over encoder states.</summary>
    public bool CrossAttention { get; init; }

    /// <summary>Above 0: each block adds its own slice of a second embedding table of this width (Gemma 3n).</summary>
    public int PerLayerWidth { get; init; }

    /// <summary>Number of leading blocks after which an extra graph input is added to the stream (Qwen3-VL).</summary>
    public int Deepstack { get; init; }

    public bool FinalNorm => Topology != Topology.PostNorm;

    public int RotatedDim => RotaryDim > 0 ? RotaryDim : HeadSize;

    public int QueryWidth => Heads * HeadSize;

    public int KvWidth => KvHeads * HeadSize;
}
