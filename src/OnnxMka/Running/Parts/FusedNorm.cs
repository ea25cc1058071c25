using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;

namespace OnnxMka.Running.Parts;

/// <summary>
/// The second half of a fused skip-norm, where its sum comes from elsewhere:
/// <code>
/// before   SkipLayerNormalization(a, b, gamma, beta) -> y, sum
/// after    LayerNormalization(sum, gamma, beta) -> y
/// </code>
/// </summary>
internal static class FusedNorm
{
    private const float DefaultEpsilon = 1e-12f;

    /// <param name="fused">A node that a seam names as its skip-norm.</param>
    public static NodeSpec OfSum(OnnxNode fused, string sum, string output)
    {
        var simplified = fused.OpType == "SkipSimplifiedLayerNormalization";
        int[] slots = fused.OpType == "EmbedLayerNormalization" ? [5, 6] : simplified ? [2] : [2, 3];
        var attributes = ImmutableDictionary<string, object>.Empty
            .Add("axis", -1L)
            .Add("epsilon", fused.Float("epsilon", DefaultEpsilon))
            .Add("stash_type", 1L);
        var parameters = slots.Where(s => s < fused.Inputs.Length && fused.Inputs[s].Length > 0).Select(s => fused.Inputs[s]);
        return new NodeSpec(
            simplified ? "SimplifiedLayerNormalization" : "LayerNormalization",
            [sum, .. parameters],
            [output],
            output,
            Attributes: attributes);
    }
}
