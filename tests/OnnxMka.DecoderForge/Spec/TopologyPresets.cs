using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>
/// Blocks that are not attention, then MLP, each behind a norm: parallel, sandwich, norm after; and blocks with extra parts.
/// </summary>
public static class TopologyPresets
{
    private const int Blocks = 4;

    private static readonly Network _parallel = new()
    {
        Norm = NormKind.Layer,
        KvHeads = 4,
        Topology = Topology.ParallelOneNorm,
        RotaryDim = 8,
        QkvBias = true,
        OutputBias = true,
        MlpBias = true,
        Head = HeadKind.Untied,
    };

    private static readonly Network _gemma2 = new()
    {
        Topology = Topology.Sandwich,
        EmbeddingScale = 8,
        AttentionSoftcap = 50,
        LogitSoftcap = 30,
    };

    private static readonly Network _granite = new()
    {
        ResidualScale = 0.22f,
        EmbeddingScale = 12,
        LogitScale = 0.125f,
    };

    private static readonly GraphForm _torchLayer = LlamaPresets.TorchScript with { Norm = NormForm.LayerStandard };

    private static readonly GraphForm _genAiLayer = LlamaPresets.GenAi with
    {
        Norm = NormForm.LayerStandard,
        Activation = ActivationForm.Contrib,
    };

    private static readonly GraphForm _gemma2Form = LlamaPresets.TorchScript with { Modules = ModuleNames.Gemma };

    private static readonly GraphForm _genAiGemma2Form = LlamaPresets.GenAi with
    {
        Modules = ModuleNames.GenAi with { PostNorm = "pre_feedforward_layernorm" },
        Activation = ActivationForm.Standard,
    };

    public static Preset Phi2Parallel { get; } = Make(
        nameof(Phi2Parallel), _parallel, MlpKind.GeluTanh, _torchLayer with { Modules = ModuleNames.Phi });

    public static Preset Phi2ResidualFirst { get; } = Make(
        nameof(Phi2ResidualFirst), _parallel, MlpKind.GeluTanh, _torchLayer with { Modules = ModuleNames.Phi, SumBranchesFirst = false });

    public static Preset GenAiPhi2 { get; } = Make(nameof(GenAiPhi2), _parallel, MlpKind.GeluTanh, _genAiLayer);

    public static Preset GenAiPhi2ResidualFirst { get; } = Make(
        nameof(GenAiPhi2ResidualFirst),
        _parallel,
        MlpKind.GeluTanh,
        _genAiLayer with { SumBranchesFirst = false, Attention = AttentionForm.MultiHead });

    public static Preset GptJParallel { get; } = Make(
        nameof(GptJParallel), _parallel with { QkvBias = false, OutputBias = false, RotaryInterleaved = true }, MlpKind.GeluTanh,
        _torchLayer with { Modules = ModuleNames.GptJ, BranchFirst = true });

    public static Preset GptNeoX { get; } = Make(
        nameof(GptNeoX), _parallel with { Topology = Topology.ParallelTwoNorms }, MlpKind.Gelu,
        _torchLayer with { Modules = ModuleNames.NeoX, Qkv = QkvLayout.PackedPerHead, MlpFirst = true, BranchFirst = true });

    public static Preset FalconParallel { get; } = Make(
        nameof(FalconParallel),
        _parallel with { KvHeads = 1, RotaryDim = 0, QkvBias = false, OutputBias = false, MlpBias = false, Head = HeadKind.Tied },
        MlpKind.Gelu,
        _torchLayer with { Modules = ModuleNames.Falcon, Qkv = QkvLayout.Packed, MlpFirst = true, BranchFirst = true });

    /// <summary>Sandwich norms, soft caps, a window on every second block.</summary>
    public static Preset Gemma2Sandwich { get; } = Alternating(
        nameof(Gemma2Sandwich), _gemma2, _gemma2Form, i => i % 2 == 0, localRope: false);

    public static Preset GenAiGemma2 { get; } = Alternating(
        nameof(GenAiGemma2), _gemma2, _genAiGemma2Form, i => i % 2 == 1, localRope: false);

    /// <summary>fp16 branches on an fp32 stream.</summary>
    public static Preset GenAiGemma2Fp16 { get; } = Alternating(
        nameof(GenAiGemma2Fp16),
        _gemma2,
        _genAiGemma2Form with { Type = ElementType.Float16, FloatResidual = true },
        i => i % 2 == 1,
        localRope: false);

    /// <summary>As Gemma 2 with q/k norms, and a rope base of its own for the blocks with a window.</summary>
    public static Preset GenAiGemma3 { get; } = Alternating(
        nameof(GenAiGemma3), _gemma2 with { QkNorm = QkNorm.PerHead, AttentionSoftcap = 0, LogitSoftcap = 0 },
        _genAiGemma2Form with { Rotary = RotaryForm.InAttention }, i => (i + 1) % 3 != 0, localRope: true, blocks: 6);

    public static Preset Olmo2 { get; } = Make(
        nameof(Olmo2), new Network { Topology = Topology.NormAfter, QkNorm = QkNorm.FullWidth, Head = HeadKind.Untied }, MlpKind.SwiGlu,
        LlamaPresets.TorchScript with
        {
            Modules = ModuleNames.Llama with { InputNorm = "post_attention_layernorm", PostNorm = "post_feedforward_layernorm" },
        });

    public static Preset Qwen2Biases { get; } = Make(
        nameof(Qwen2Biases), new Network { QkvBias = true }, MlpKind.SwiGlu, LlamaPresets.TorchScript);

    public static Preset GenAiQwen2 { get; } = Make(
        nameof(GenAiQwen2), new Network { QkvBias = true }, MlpKind.SwiGlu,
        LlamaPresets.GenAi with { Qkv = QkvLayout.Packed, Rotary = RotaryForm.InAttention });

    public static Preset Qwen3QkNorm { get; } = Make(
        nameof(Qwen3QkNorm), new Network { QkNorm = QkNorm.PerHead }, MlpKind.SwiGlu, LlamaPresets.TorchScript);

    /// <summary>q/k norms behind a packed projection: Split, Reshape, norm, Reshape, then attention.</summary>
    public static Preset GenAiQwen3 { get; } = Make(
        nameof(GenAiQwen3), new Network { QkNorm = QkNorm.PerHead }, MlpKind.SwiGlu,
        LlamaPresets.GenAi with { Qkv = QkvLayout.Packed, Rotary = RotaryForm.InAttention });

    public static Preset DynamoQwen3 { get; } = Make(
        nameof(DynamoQwen3), new Network { QkNorm = QkNorm.PerHead }, MlpKind.SwiGlu, LlamaPresets.Dynamo);

    public static Preset Granite { get; } = Make(nameof(Granite), _granite, MlpKind.SwiGlu, LlamaPresets.TorchScript);

    public static Preset GenAiGranite { get; } = Make(nameof(GenAiGranite), _granite, MlpKind.SwiGlu, LlamaPresets.GenAi);

    private static Preset Make(string name, Network network, MlpKind mlp, GraphForm form) => new(
        name, 4, new DecoderSpec(name, network, Blocks, mlp, form) { ModelType = Type(name) });

    private static Preset Alternating(
        string name, Network network, GraphForm form, Func<int, bool> windowed, bool localRope, int blocks = Blocks) =>
        new(
        name, 4, new DecoderSpec(name, network, Enumerable.Range(0, blocks).Select(i => new BlockSpec
        {
            Mlp = MlpKind.GeGlu,
            Window = windowed(i) ? 6 : 0,
            LocalRope = localRope && windowed(i),
        }).ToImmutableArray(), form)
        { ModelType = Type(name) });

    private static string Type(string name)
    {
        (string Part, string Type)[] types =
        [
            ("Phi2", "phi"), ("GptJ", "gptj"), ("NeoX", "gpt_neox"), ("Falcon", "falcon"), ("Gemma2", "gemma2"), ("Gemma3", "gemma3_text"),
            ("Olmo2", "olmo2"), ("Qwen2", "qwen2"), ("Qwen3", "qwen3"), ("Granite", "granite"),
        ];
        return types.First(t => name.Contains(t.Part, StringComparison.Ordinal)).Type;
    }
}
