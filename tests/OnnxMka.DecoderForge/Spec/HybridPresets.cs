using System.Collections.Immutable;

namespace OnnxMka.Forge;

/// <summary>States of several kinds in one model: caches that keep a window beside whole ones, convolutions, recurrences.</summary>
public static class HybridPresets
{
    private static readonly GraphForm _members = LlamaPresets.TorchScript with { AnonymousWeights = false, StatesAreMembers = true };

    /// <summary>A window and a cache cut to it in every second block, from the first on; a whole cache tells positions (Gemma 3).</summary>
    public static Preset SlidingCaches { get; } = Make(
        nameof(SlidingCaches), LlamaPresets.TorchScript with { Positions = PositionSource.Past }, 6,
        i => i % 2 == 0 ? new BlockSpec { Window = 5, CacheLength = 5 } : new BlockSpec());

    /// <summary>Short convolutions beside attention, numbered by layer; the first cache tells the past length (LFM2).</summary>
    public static Preset ConvolutionHybrid { get; } = Make(
        nameof(ConvolutionHybrid), LlamaPresets.TorchScript with { AnonymousWeights = false }, 6,
        i => new BlockSpec { Mixer = i is 2 or 4 ? MixerKind.Attention : MixerKind.Convolution });

    /// <summary>Two states a layer beside attention, numbered by the source's layers: every second is an MLP (Nemotron-H).</summary>
    public static Preset SourceLayerHybrid { get; } = Make(
        nameof(SourceLayerHybrid), _members with { Numbers = StateNumbers.Source, Producer = "mobius" }, 6,
        i => new BlockSpec { Mixer = i is 3 or 5 ? MixerKind.Attention : MixerKind.ConvolvedRecurrence, SourceLayers = 2 });

    /// <summary>Linear attention as one operator, and full attention in every third layer (Qwen3-Next).</summary>
    public static Preset FusedRecurrenceHybrid { get; } = Make(
        nameof(FusedRecurrenceHybrid), LlamaPresets.GenAi with { StatesAreMembers = true, FusedStates = true }, 6,
        i => new BlockSpec { Mixer = i % 3 == 2 ? MixerKind.Attention : MixerKind.ConvolvedRecurrence });

    /// <summary>Each kind of state has a count of its own, and attention stands beside recurrence (Falcon-H1).</summary>
    public static Preset ParallelHybrid { get; } = Make(
        nameof(ParallelHybrid), LlamaPresets.TorchScript with { AnonymousWeights = false, Numbers = StateNumbers.Kind }, 4,
        i => new BlockSpec { Mixer = i == 1 ? MixerKind.Convolution : MixerKind.AttentionAndRecurrence });

    /// <summary>Every head has an attention and a cache of its own.</summary>
    public static Preset PerHeadCaches { get; } = Make(
        nameof(PerHeadCaches), LlamaPresets.TorchScript with { Attention = AttentionForm.PerHead }, 4, _ => new BlockSpec());

    private static Preset Make(string name, GraphForm form, int blocks, Func<int, BlockSpec> block) => new(
        name, 6, new DecoderSpec(name, new Network(), Enumerable.Range(0, blocks).Select(block).ToImmutableArray(), form));
}
