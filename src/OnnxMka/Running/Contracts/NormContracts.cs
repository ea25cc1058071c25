namespace OnnxMka.Running.Contracts;

/// <summary>Norms: weights as wide as the stream.</summary>
internal static class NormContracts
{
    public static Dictionary<string, Action<ContractNode>> All { get; } = new(StringComparer.Ordinal)
    {
        ["SimplifiedLayerNormalization"] = Plain,
        ["com.microsoft.SimplifiedLayerNormalization"] = Plain,
        ["LayerNormalization"] = n =>
        {
            Plain(n);
            // Its fusions read the bias that is listed.
            n.Demand(!n.IsBlank(2), "its bias is listed and left blank, which ends ONNX Runtime");
        },
        ["RMSNormalization"] = Plain,
        ["com.microsoft.SkipLayerNormalization"] = n => Skip(n, beta: 3, bias: 4),
        ["com.microsoft.SkipSimplifiedLayerNormalization"] = n => Skip(n, beta: -1, bias: 3),
        ["com.microsoft.EmbedLayerNormalization"] = Embedded,
    };

    private static void Plain(ContractNode n)
    {
        var axis = n.Int("axis", -1);
        // Behind the last axis alone the weight is one row.
        if (axis == -1 && n.Width(0) is { } width && n.Shape(1) is [{ } elements])
            n.Demand(elements == width || elements == 1, $"the scale has {elements} elements and the input {width} columns");
    }

    private static void Skip(ContractNode n, int beta, int bias)
    {
        n.Rank(2, "gamma", 1);
        n.Fits(2, "gamma", n.Width(0));
        if (n.Shape(2) is not [var width]) return;
        if (beta >= 0) n.Fits(beta, "beta", width);
        n.Fits(bias, "the bias", width);
    }

    private static void Embedded(ContractNode n)
    {
        for (var table = 2; table <= 4; table++) n.Rank(table, "a table", 2);
        if (n.Width(2) is not { } width) return;
        n.Fits(3, "the table of positions", null, width);
        n.Fits(4, "the table of segments", null, width);
        n.Fits(5, "gamma", width);
        n.Fits(6, "beta", width);
    }
}
