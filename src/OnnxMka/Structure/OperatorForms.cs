using System.Collections.Frozen;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>What block detection takes for granted of the operators that it looks into.</summary>
internal static class OperatorForms
{
    /// <summary>Inputs that each operator has in every version of its operator set.</summary>
    private static readonly FrozenDictionary<string, int> FewestInputs = new Dictionary<string, int>(StringComparer.Ordinal)
    {
        ["Constant"] = 0,
        ["Cast"] = 1,
        ["Dropout"] = 1,
        ["Flatten"] = 1,
        ["Identity"] = 1,
        ["Reshape"] = 1,
        ["Shape"] = 1,
        ["Size"] = 1,
        ["Softmax"] = 1,
        ["Squeeze"] = 1,
        ["Transpose"] = 1,
        ["Unsqueeze"] = 1,
        ["Conv"] = 2,
        ["DequantizeLinear"] = 2,
        ["Gather"] = 2,
        ["Gemm"] = 2,
        ["LayerNormalization"] = 2,
        ["MatMul"] = 2,
        ["RMSNormalization"] = 2,
        ["SimplifiedLayerNormalization"] = 2,
        ["QLinearMatMul"] = 8,
        ["com.microsoft.SimplifiedLayerNormalization"] = 2,
        ["com.microsoft.GatherBlockQuantized"] = 3,
        ["com.microsoft.SkipLayerNormalization"] = 3,
        ["com.microsoft.SkipSimplifiedLayerNormalization"] = 3,
        ["com.microsoft.EmbedLayerNormalization"] = 7,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Refuses operators without the inputs or the output that they must have.</summary>
    public static void Refuse(OnnxModel model)
    {
        foreach (var node in model.Graph.Nodes)
        {
            var op = NormalisedView.Qualified(node);
            if (!FewestInputs.TryGetValue(op, out var fewest)) continue;
            if (node.Inputs.Length < fewest || node.Inputs.Take(Math.Min(fewest, 1)).Any(i => i.Length == 0))
                throw Bad(node, $"{op} takes at least {fewest} inputs and this one has {node.Inputs.Count(i => i.Length > 0)}");
            if (node.Outputs.Length == 0 || node.Outputs[0].Length == 0) throw Bad(node, $"{op} has an output and this one has none");
        }
    }

    private static RefusedException Bad(OnnxNode node, string what) =>
        new("MKA009", node.Label, what, "The file is damaged; export it again");
}
