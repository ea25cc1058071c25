using System.Collections.Immutable;

namespace OnnxMka.Forge;

/// <summary>Blocks of different kinds in one model, and mixtures of experts.</summary>
public static class MixedPresets
{
    /// <summary>GroupQueryAttention with a window on the odd blocks.</summary>
    public static Preset SlidingAlternating { get; } = Make(
        nameof(SlidingAlternating),
        6,
        6,
        LlamaPresets.GenAi with { Rotary = RotaryForm.InAttention },
        i => new BlockSpec { Window = i % 2 == 1 ? 6 : 0 });

    public static Preset TorchScriptSliding { get; } = Make(
        nameof(TorchScriptSliding), 6, 6, LlamaPresets.TorchScript, i => new BlockSpec { Window = i % 2 == 0 ? 6 : 0 });

    /// <summary>Every third block does not rotate, as in SmolLM3.</summary>
    public static Preset RopeOnSomeBlocks { get; } = Make(
        nameof(RopeOnSomeBlocks),
        6,
        6,
        LlamaPresets.GenAi with { Rotary = RotaryForm.InAttention },
        i => new BlockSpec { NoRope = i % 3 == 2 });

    /// <summary>Two rope tables, chosen per block.</summary>
    public static Preset TwoRopeCaches { get; } = Make(
        nameof(TwoRopeCaches), 6, 6, LlamaPresets.GenAi, i => new BlockSpec { LocalRope = i % 2 == 0 });

    public static Preset DenseMoEAlternating { get; } = Make(
        nameof(DenseMoEAlternating),
        6,
        6,
        LlamaPresets.TorchScript,
        i => new BlockSpec { Mlp = i % 2 == 1 ? MlpKind.Experts : MlpKind.SwiGlu });

    /// <summary>Two dense blocks, then mixtures of experts (DeepSeek's first_k_dense_replace).</summary>
    public static Preset DenseThenMoE { get; } = Make(
        nameof(DenseThenMoE),
        6,
        6,
        LlamaPresets.GenAi with { Moe = MoeForm.Fused },
        i => new BlockSpec { Mlp = i >= 2 ? MlpKind.Experts : MlpKind.SwiGlu });

    public static Preset MoEUnfused { get; } = Make(
        nameof(MoEUnfused), 4, 4, LlamaPresets.TorchScript, _ => new BlockSpec { Mlp = MlpKind.Experts });

    /// <summary>
    /// No cache shows where layers start, and the router is a Softmax over a product: quantised weights times activations.
    /// </summary>
    public static Preset MoEQuantisedRouterNoCache { get; } = Make(
        nameof(MoEQuantisedRouterNoCache),
        4,
        4,
        LlamaPresets.TorchScript with { Linear = LinearForm.NBits, KvPorts = KvPortForm.None, AnonymousWeights = false },
        _ => new BlockSpec { Mlp = MlpKind.Experts });

    /// <summary>Every expert works on every token: no TopK tells that there are experts.</summary>
    public static Preset MoESoft { get; } = Make(
        nameof(MoESoft), 4, 4, LlamaPresets.TorchScript with { Moe = MoeForm.SoftExperts }, _ => new BlockSpec { Mlp = MlpKind.Experts });

    public static Preset MoEFused { get; } = Make(
        nameof(MoEFused), 4, 4, LlamaPresets.GenAi with { Moe = MoeForm.Fused }, _ => new BlockSpec { Mlp = MlpKind.Experts });

    public static Preset QMoE4 { get; } = Make(
        nameof(QMoE4), 4, 4, LlamaPresets.GenAi with { Moe = MoeForm.FusedQuantised }, _ => new BlockSpec { Mlp = MlpKind.Experts });

    public static Preset QMoE8 { get; } = Make(
        nameof(QMoE8), 4, 4,
        LlamaPresets.GenAi with { Moe = MoeForm.FusedQuantised, Quant = new QuantForm { Bits = 8 } },
        _ => new BlockSpec { Mlp = MlpKind.Experts });

    /// <summary>Weights of 4 and of 8 bits, as mixed-precision quantisers choose them.</summary>
    public static Preset MixedBits { get; } = Make(
        nameof(MixedBits), 6, 6, LlamaPresets.GenAi with { Linear = LinearForm.NBits }, i => new BlockSpec { Bits = i % 3 == 0 ? 8 : 4 });

    private static Preset Make(string name, int issue, int blocks, GraphForm form, Func<int, BlockSpec> block) => new(
        name, issue, new DecoderSpec(name, new Network(), Enumerable.Range(0, blocks).Select(block).ToImmutableArray(), form));
}
