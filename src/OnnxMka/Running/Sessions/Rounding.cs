using OnnxMka.Graph;

namespace OnnxMka.Running.Sessions;

/// <summary>
/// How far the logits of one model may lie apart, relative to the largest of them, when the same sums are made in another order: one run
/// over all tokens, or steps. What lies farther apart is no rounding.
/// </summary>
/// <remarks>
/// Errors of relative size u add up over n operators in series like a random walk, to u sqrt(n); a block has some 21 of them, the largest
/// of thousands of logits lies 4 standard deviations out, and so does the largest error. With 32 blocks: fp32, u = 2^-24, sums of some
/// thousand terms each: 6e-8 sqrt(32 * 21 * 1000) = 5e-5, taken 20 times; fp16, u = 2^-11: 1.3e-2, taken twice; bf16, u = 2^-8: 0.1, taken
/// twice. Activations that are quantised to 8 bits are rounded to 1 / 255 of a range that depends on what is read together, in four
/// projections a block: 8 standard deviations / 255 / sqrt(12) sqrt(128) = 0.1 of one deviation, as bf16.
/// </remarks>
internal static class Rounding
{
    private const double Single = 1e-3;
    private const double Half = 0.03;
    private const double Coarse = 0.2;

    public static double Of(OnnxModel model)
    {
        if (model.Graph.Initializers.Values.Any(t => t.Type == ElementType.BFloat16) || AllNodes(model).Any(IsQuantised)) return Coarse;
        return model.Graph.Initializers.Values.Any(t => t.Type == ElementType.Float16) || AllNodes(model).Any(ToHalf) ? Half : Single;
    }

    private static IEnumerable<OnnxNode> AllNodes(OnnxModel model) =>
        model.Graph.Nodes.Concat(model.Functions.Values.SelectMany(f => f.Nodes));

    private static bool IsQuantised(OnnxNode node) =>
        node.OpType.Contains("quant", StringComparison.OrdinalIgnoreCase)
        || node.OpType.Contains("Integer", StringComparison.Ordinal)
        || node.OpType is "MatMulNBits" or "MatMulBnb4" or "MatMulFpQ4" or "QMoE" or "QLinearMatMul";

    private static bool ToHalf(OnnxNode node) =>
        node.OpType == "Cast" && (ElementType)node.Int("to", 0) is ElementType.Float16 or ElementType.BFloat16;
}
