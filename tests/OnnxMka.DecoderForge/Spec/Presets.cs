namespace OnnxMka.Forge;

/// <summary>All presets. The classes named <c>...Presets</c> give each by name.</summary>
public static class Presets
{
    /// <summary>Forms that the tool must work on.</summary>
    public static IReadOnlyList<Preset> Accepted { get; } =
    [
        LlamaPresets.TorchScriptLlama, LlamaPresets.TorchScriptLlamaNoCache, LlamaPresets.TorchScriptIdentityShared, LlamaPresets.TorchScriptAllNormsEqual,
        LlamaPresets.TorchScriptGrouped, LlamaPresets.TorchScriptCombinedPastKeyValues, LlamaPresets.TorchScriptCombinedPast, LlamaPresets.TorchScriptGemm,
        LlamaPresets.TorchScriptOldOpset, LlamaPresets.TorchScriptFp16, LlamaPresets.TorchScriptFilePerTensor, LlamaPresets.OrtOptimizedLlama,
        LlamaPresets.OrtOptimizedLlamaGqa, LlamaPresets.GenAiLlamaGqa, LlamaPresets.GenAiLlamaGqaPackedInOpRotary, LlamaPresets.GenAiLlamaMha,
        LlamaPresets.GenAiLlamaMhaCacheInside, LlamaPresets.GenAiSkipOperandsSwapped, LlamaPresets.GenAiUnfusedNorms, LlamaPresets.GenAiTiedTable,
        LlamaPresets.GenAiUntied, LlamaPresets.GenAiLlamaGqaFp16, LlamaPresets.GenAiLongRope, LlamaPresets.DynamoLlama, LlamaPresets.DynamoConstantWeights,
        LlamaPresets.DynamoLocalFunctions, LlamaPresets.DynamoNormFunctions, LlamaPresets.MobiusOpset23, LlamaPresets.InputsEmbeds, LlamaPresets.IfMergedOptimum,
        LayerNormPresets.Gpt2TorchScript, LayerNormPresets.Gpt2OldOpset, LayerNormPresets.Gpt2OrtFused, LayerNormPresets.Gpt2OrtFusedOwnWeights,
        LayerNormPresets.Gpt2OrtFusedNoBias, LayerNormPresets.OptPreNorm, LayerNormPresets.OptPostNorm, LayerNormPresets.OptPostNormFused,
        LayerNormPresets.OptFused, LayerNormPresets.GenAiNemotron, LayerNormPresets.EmbeddingNorm,
        TopologyPresets.Phi2Parallel, TopologyPresets.Phi2ResidualFirst, TopologyPresets.GenAiPhi2, TopologyPresets.GenAiPhi2ResidualFirst,
        TopologyPresets.GptJParallel, TopologyPresets.GptNeoX, TopologyPresets.FalconParallel, TopologyPresets.Gemma2Sandwich, TopologyPresets.GenAiGemma2,
        TopologyPresets.GenAiGemma2Fp16, TopologyPresets.GenAiGemma3, TopologyPresets.Olmo2, TopologyPresets.Qwen2Biases, TopologyPresets.GenAiQwen2,
        TopologyPresets.Qwen3QkNorm, TopologyPresets.GenAiQwen3, TopologyPresets.DynamoQwen3, TopologyPresets.Granite, TopologyPresets.GenAiGranite,
        MixedPresets.SlidingAlternating, MixedPresets.TorchScriptSliding, MixedPresets.RopeOnSomeBlocks, MixedPresets.TwoRopeCaches,
        MixedPresets.DenseMoEAlternating, MixedPresets.DenseThenMoE, MixedPresets.MoEUnfused, MixedPresets.MoEFused, MixedPresets.QMoE4, MixedPresets.QMoE8,
        MixedPresets.MixedBits,
        QuantisedPresets.MatMulNBits4, QuantisedPresets.MatMulNBits4ZeroPoints, QuantisedPresets.MatMulNBits4FloatZeroPoints, QuantisedPresets.MatMulNBits4Fp16,
        QuantisedPresets.MatMulNBits8, QuantisedPresets.MatMulNBits8ZeroPoints, QuantisedPresets.TorchScriptNBits4, QuantisedPresets.QdqInt4,
        QuantisedPresets.QdqUInt4ZeroPoints, QuantisedPresets.QdqInt4Transposed, QuantisedPresets.QdqInt8, QuantisedPresets.DynamicInt8,
    ];

    /// <summary>Graphs that the tool must refuse; see also <see cref="UnfitGraphs"/>.</summary>
    public static IReadOnlyList<Preset> Refused { get; } =
    [
        RefusedPresets.OneBlock, RefusedPresets.BertEncoder, RefusedPresets.EncoderDecoder, RefusedPresets.SharedKv, RefusedPresets.PerLayerInputs,
        RefusedPresets.Deepstack, RefusedPresets.HybridConvolution, RefusedPresets.PrepackedNBits, RefusedPresets.Float8Weights, RefusedPresets.PortsOutOfOrder,
    ];

    public static IEnumerable<Preset> All => Accepted.Concat(Refused);

    public static Preset ByName(string name) => All.Single(p => p.Name == name);
}
