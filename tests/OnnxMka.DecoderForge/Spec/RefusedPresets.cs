using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>Graphs that have blocks, or look as if they had, and must be refused with a reason.</summary>
public static class RefusedPresets
{
    private static readonly GraphForm _torchScript = LlamaPresets.TorchScript;

    /// <summary>One block: nothing repeats.</summary>
    public static Preset OneBlock { get; } = Make(
        nameof(OneBlock), "no repeated block", new Network(), _torchScript, 1, _ => new BlockSpec());

    public static Preset BertEncoder { get; } = Make(
        nameof(BertEncoder), "encoder: attention looks both ways and there is no cache",
        new Network
        {
            Norm = NormKind.Layer,
            Topology = Topology.PostNorm,
            KvHeads = 4,
            Positions = PositionKind.Learned,
            QkvBias = true,
            OutputBias = true,
            MlpBias = true,
            EmbeddingNorm = true,
            Causal = false,
            Head = HeadKind.None,
        },
        _torchScript with { Modules = ModuleNames.Bert, Norm = NormForm.LayerStandard, KvPorts = KvPortForm.None }, 4,
        _ => new BlockSpec { Mlp = MlpKind.Gelu });

    public static Preset EncoderDecoder { get; } = Make(
        nameof(EncoderDecoder), "encoder-decoder: every block also attends to encoder states",
        new Network { Norm = NormKind.Layer, KvHeads = 4, CrossAttention = true, Positions = PositionKind.Learned },
        _torchScript with { Norm = NormForm.LayerStandard }, 4, _ => new BlockSpec { Mlp = MlpKind.Relu });

    /// <summary>The last two blocks read the caches of blocks 1 and 2 (Gemma 3n).</summary>
    public static Preset SharedKv { get; } = Make(
        nameof(SharedKv), "shared KV: a block reads another block's cache", new Network(), _torchScript, 5,
        i => new BlockSpec { SharesCacheOf = i >= 3 ? i - 2 : -1 });

    public static Preset PerLayerInputs { get; } = Make(
        nameof(PerLayerInputs), "per-layer inputs: each block reads its own slice of a second embedding",
        new Network { PerLayerWidth = 8 }, _torchScript, 4, _ => new BlockSpec());

    public static Preset Deepstack { get; } = Make(
        nameof(Deepstack), "deepstack: image features are added after the first blocks",
        new Network { Deepstack = 2 }, _torchScript with { InputsEmbeds = true }, 4, _ => new BlockSpec());

    /// <summary>Attention in two of six blocks, short convolutions in the others; KV ports keep the block's number (LFM2).</summary>
    public static Preset HybridConvolution { get; } = Make(
        nameof(HybridConvolution), "hybrid: convolution states where a merge is asked", new Network(), LlamaPresets.GenAi, 6,
        i => new BlockSpec { Mixer = i is 1 or 4 ? MixerKind.Attention : MixerKind.Convolution });

    public static Preset PrepackedNBits { get; } = Make(
        nameof(PrepackedNBits), "weight_prepacked: opaque bytes", new Network(),
        LlamaPresets.GenAi with { Linear = LinearForm.NBits, Quant = new QuantForm { Prepacked = 1 } }, 4, _ => new BlockSpec());

    public static Preset Float8Weights { get; } = Make(
        nameof(Float8Weights), "FP8 block weights", new Network(),
        _torchScript with { Linear = LinearForm.QdqFloat8, AnonymousWeights = false, Opset = 19, IrVersion = 9 }, 4, _ => new BlockSpec());

    /// <summary>Block 0 reads and writes port 2, block 1 port 0, block 2 port 3, block 3 port 1.</summary>
    public static Preset PortsOutOfOrder { get; } = Make(
        nameof(PortsOutOfOrder), "KV ports do not follow the blocks", new Network(), LlamaPresets.GenAi, 4,
        i => new BlockSpec { Port = new[] { 2, 0, 3, 1 }[i] });

    private static Preset Make(string name, string refusal, Network network, GraphForm form, int blocks, Func<int, BlockSpec> block)
    {
        var type = name switch
        {
            nameof(BertEncoder) => "bert",
            nameof(EncoderDecoder) => "marian",
            nameof(SharedKv) or nameof(PerLayerInputs) => "gemma3n_text",
            nameof(Deepstack) => "qwen3_vl_text",
            nameof(HybridConvolution) => "lfm2",
            _ => "llama",
        };
        var spec = new DecoderSpec(name, network, Enumerable.Range(0, blocks).Select(block).ToImmutableArray(), form) { ModelType = type };
        return new Preset(name, 0, spec) { Refusal = refusal };
    }
}
