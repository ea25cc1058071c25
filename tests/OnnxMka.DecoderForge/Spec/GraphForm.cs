using OnnxMka.Graph;

namespace OnnxMka.Forge;

public enum NormForm { RmsTorchScript, RmsDynamo, RmsSimplified, RmsStandard, LayerStandard, LayerDecomposed }

/// <summary>How a branch joins the residual stream: with an Add, or inside the next norm.</summary>
public enum JoinForm { Add, SkipNorm }

public enum AttentionForm { Decomposed, GroupQuery, MultiHead, Packed, Standard, PerHead }

public enum RotaryForm { Decomposed, Contrib, Standard, InAttention }

public enum QkvLayout { Separate, Packed, PackedPerHead }

public enum LinearForm
{
    MatMul,
    TransposedMatMul,
    GemmTransB,
    Conv1D,
    NBits,
    QdqBlockwise,
    QdqBlockwiseTransposed,
    QdqInt8,
    DynamicInt8,
    QdqFloat8,
}

public enum ActivationForm { Decomposed, Contrib, Standard, WithBias }

/// <summary>How gate and up projections lie, and how they are told apart.</summary>
public enum GateUpForm
{
    /// <summary>Two matrices.</summary>
    Separate,

    /// <summary>One matrix, gate first, and Split.</summary>
    Split,

    /// <summary>The same with two slices.</summary>
    Sliced,

    /// <summary>The same with slices from a length that is computed, as chunks of a length that is not known.</summary>
    Chunked,

    /// <summary>The same as rows of two: Reshape [.., 2, inner], Gather.</summary>
    SectionsGathered,

    /// <summary>Columns in turn, taken with a stride of two (gpt-oss).</summary>
    Strided,

    /// <summary>The same as pairs: Reshape [.., inner, 2], Gather.</summary>
    PairsGathered,
}

public enum MoeForm { DenseExperts, SoftExperts, Fused, FusedQuantised }

public enum ShapeForm { PerLayerChains, SharedSizes, Constants }

public enum DialectKind { TorchScript, GenAi, Dynamo, OrtOptimizer }

public enum SharingForm { None, Identity, Direct }

public enum FunctionForm { None, PerLayer, PerNorm }

public enum KvPortForm { None, KeyValue, CombinedPast, CombinedPastKeyValues }

public enum PortOrder { Interleaved, Grouped }

/// <summary>What the numbers of state ports count.</summary>
public enum StateNumbers
{
    /// <summary>Blocks.</summary>
    Layer,

    /// <summary>Blocks with that kind of state.</summary>
    Kind,

    /// <summary>Attention caches count blocks, other states those of their kind.</summary>
    Mixed,

    /// <summary>Layers of the source model; a block is one or several.</summary>
    Source,

    /// <summary>Ports.</summary>
    Port,
}

/// <summary>Symbols of the caches' lengths: each length its own, one for all, or none.</summary>
public enum LengthSymbols { Own, Shared, None }

/// <summary>Who cuts a cache that keeps some tokens only.</summary>
public enum CacheCut { Graph, Client }

/// <summary>Where the mask's past length comes from.</summary>
public enum LengthSource
{
    /// <summary>The first cache that keeps all tokens, as it comes in.</summary>
    Past,

    /// <summary>The same cache as it goes out.</summary>
    Present,

    Mask,

    /// <summary>An input that lists the positions of the new tokens.</summary>
    CachePosition,
}

public enum PositionSource { Port, Mask, Past, CachePosition }

/// <summary>Positions that have logits: all, the last, or as many as an input says.</summary>
public enum LogitsForm { All, Last, Counted }

public enum ZeroPoints { None, Packed, Float }

public enum DataPlace { Inline, OneFile, FilePerTensor }

/// <summary>Block-wise quantised weights: bits, elements per scale, and how zero points are stored.</summary>
public sealed record QuantForm
{
    public int Bits { get; init; } = 4;

    public int BlockSize { get; init; } = 32;

    public ZeroPoints ZeroPoints { get; init; }

    public long Prepacked { get; init; }
}

/// <summary>How the network is written as a graph. No switch here changes what is computed, apart from rounding and quantisation.</summary>
public sealed record GraphForm
{
    public NormForm Norm { get; init; }

    public JoinForm Join { get; init; }

    /// <summary>Residual joins read [branch, residual]; otherwise [residual, branch].</summary>
    public bool BranchFirst { get; init; }

    /// <summary>Parallel blocks add (attention + MLP) first; otherwise the stream takes one after the other.</summary>
    public bool SumBranchesFirst { get; init; } = true;

    /// <summary>In sums of two branches the MLP comes first.</summary>
    public bool MlpFirst { get; init; }

    /// <summary>The projection's bias is an input of the skip-norm that follows.</summary>
    public bool SkipBias { get; init; }

    /// <summary>Embeddings, positions and the first norm are one EmbedLayerNormalization.</summary>
    public bool EmbedNorm { get; init; }

    public AttentionForm Attention { get; init; }

    public RotaryForm Rotary { get; init; }

    public QkvLayout Qkv { get; init; }

    public LinearForm Linear { get; init; }

    public GateUpForm GateUp { get; init; }

    public QuantForm Quant { get; init; } = new();

    public ActivationForm Activation { get; init; }

    public MoeForm Moe { get; init; }

    public ShapeForm Shapes { get; init; }

    public DialectKind Dialect { get; init; }

    public ModuleNames Modules { get; init; } = ModuleNames.Llama;

    /// <summary>Projection weights are called onnx::MatMul_123 (TorchScript).</summary>
    public bool AnonymousWeights { get; init; }

    /// <summary>Weights are Constant nodes.</summary>
    public bool ConstantWeights { get; init; }

    public SharingForm Sharing { get; init; }

    public FunctionForm Functions { get; init; }

    public KvPortForm KvPorts { get; init; } = KvPortForm.KeyValue;

    public PortOrder PortOrder { get; init; }

    public StateNumbers Numbers { get; init; }

    /// <summary>
    /// States of all kinds are members of one family, past_key_values.0.conv_state; otherwise each has its own, past_conv.0.
    /// </summary>
    public bool StatesAreMembers { get; init; }

    /// <summary>Convolutions and recurrences are operators of ONNX Runtime.</summary>
    public bool FusedStates { get; init; }

    public LengthSymbols Symbols { get; init; }

    public CacheCut Cut { get; init; }

    /// <summary>Comes from the mask where no block keeps all tokens.</summary>
    public LengthSource Length { get; init; }

    /// <summary>Positions are counted from there; there is no position_ids port unless they come from it.</summary>
    public PositionSource Positions { get; init; }

    public LogitsForm Logits { get; init; }

    /// <summary>The batch is 1 in every port.</summary>
    public bool StaticBatch { get; init; }

    /// <summary>Float weights are listed among the inputs, as their defaults.</summary>
    public bool WeightInputs { get; init; }

    /// <summary>Inputs for low-rank weights of each block's queries, empty by default (Olive).</summary>
    public bool OptionalLora { get; init; }

    public bool InputsEmbeds { get; init; }

    /// <summary>The tied head reads a transposed copy of the table.</summary>
    public bool HeadCopy { get; init; }

    /// <summary>The tied table hangs behind a Transpose of the head's weight (GenAI).</summary>
    public bool TableFromHead { get; init; }

    /// <summary>One graph per branch of an If over use_cache_branch (Optimum).</summary>
    public bool IfMerged { get; init; }

    public ElementType Type { get; init; } = ElementType.Float;

    /// <summary>With <see cref="ElementType.Float16"/>: the residual stream and the norms stay in fp32.</summary>
    public bool FloatResidual { get; init; }

    /// <summary>With <see cref="ElementType.Float16"/>: the ports are fp32, with casts behind them.</summary>
    public bool KeepIoTypes { get; init; }

    /// <summary>The first output is the final norm's value, before the logits.</summary>
    public bool HiddenStates { get; init; }

    /// <summary>The embedding is gathered from the head's block-wise quantised weight.</summary>
    public bool QuantisedTable { get; init; }

    /// <summary>Metadata of Olive's splitter: the layer of each node, the part of each layer.</summary>
    public bool SplitAssignments { get; init; }

    public DataPlace Data { get; init; }

    public int Opset { get; init; } = 17;

    public int IrVersion { get; init; } = 8;

    public string Producer { get; init; } = "pytorch";

    public bool Quantised => Linear is LinearForm.NBits or LinearForm.QdqBlockwise or LinearForm.QdqBlockwiseTransposed
        or LinearForm.QdqInt8 or LinearForm.DynamicInt8 or LinearForm.QdqFloat8 || Moe == MoeForm.FusedQuantised;
}
