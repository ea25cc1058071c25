using System.Text.RegularExpressions;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>Model kinds that are recognised at once and named, before any analysis.</summary>
internal static partial class UnsupportedGraphs
{
    public static void Refuse(OnnxModel model)
    {
        foreach (var node in model.Graph.Nodes)
        {
            if (node.OpType is "BeamSearch" or "GreedySearch" or "Sampling" && node.Domain == "com.microsoft")
            {
                throw new RefusedException(
                    "MKA013",
                    node.Label,
                    $"the decoder is packed inside a {node.OpType} operator",
                    "Export the decoder alone, without the generation loop");
            }
        }

        var branching = model.Graph.Nodes.FirstOrDefault(
            n => n.OpType == "If" && n.Outputs.Any(o => model.Graph.Outputs.Any(p => p.Name == o)) && n.Outputs.Length > 1);
        if (branching is not null)
        {
            throw new RefusedException(
                "MKA015",
                branching.Label,
                "the decoder stands twice in this model, in the branches of an If (a merged export)",
                "Use the export that is not merged: model.onnx, or decoder_with_past_model.onnx");
        }

        if (model.Graph.Inputs.FirstOrDefault(i => CrossAttention().IsMatch(i.Name)) is { } encoder)
        {
            throw new RefusedException(
                "MKA014", encoder.Name, "this is the decoder of an encoder-decoder model", "Only decoder-only LLMs are supported");
        }

        // Decoders have it too, and these have caches.
        if (model.Graph.FedInputs.Any(i => i.Type.IsMergeable())) return;
        if (model.Graph.Inputs.FirstOrDefault(i => i.Name == "token_type_ids") is not { } types) return;
        const string What = "encoders have such an input, and this model has none for caches";
        throw new RefusedException("MKA014", types.Name, What, "Only decoder-only LLMs are supported");
    }

    /// <summary><c>encoder_hidden_states</c>, <c>past_key_values.0.encoder.key</c>, <c>past_key_cross_0</c>; not <c>decoder</c>.</summary>
    [GeneratedRegex(
        @"(^|[^A-Za-z])(encoder|cross)([^A-Za-z]|$)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, Timeout.Infinite)]
    private static partial Regex CrossAttention();
}
