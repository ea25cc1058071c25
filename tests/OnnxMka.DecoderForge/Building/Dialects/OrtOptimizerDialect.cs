namespace OnnxMka.Forge;

/// <summary>TorchScript names, except for the nodes that fusion made: <c>SkipLayerNorm_AddBias_7</c>, <c>GptAttention_3</c>.</summary>
internal sealed class OrtOptimizerDialect(bool anonymousWeights) : TorchScriptDialect(anonymousWeights)
{
    private static readonly Dictionary<string, string> _fused = new(StringComparer.Ordinal)
    {
        ["SkipLayerNormalization"] = "SkipLayerNorm",
        ["SkipSimplifiedLayerNormalization"] = "SkipSimplifiedLayerNorm",
        ["EmbedLayerNormalization"] = "EmbedLayerNormalization",
        ["Attention"] = "GptAttention",
        ["GroupQueryAttention"] = "GroupQueryAttention",
        ["MultiHeadAttention"] = "MultiHeadAttention",
        ["RotaryEmbedding"] = "RotaryEmbedding",
        ["FastGelu"] = "FastGelu_AddBias",
        ["BiasGelu"] = "BiasGelu",
        ["Gelu"] = "Gelu",
        ["SimplifiedLayerNormalization"] = "SimplifiedLayerNormalization",
        ["LayerNormalization"] = "LayerNormalization",
    };

    public override string NodeName(IReadOnlyList<string> scope, string op, string? label)
    {
        if (!_fused.TryGetValue(op, out var name)) return base.NodeName(scope, op, label);
        if (label is not null) name = $"{name}_{label}";
        return $"{name}_{Count(name)}";
    }
}
