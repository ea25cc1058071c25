using OnnxMka.Graph;

namespace OnnxMka.Blocks;

/// <summary>Model kinds that are recognised at once and named, before any analysis.</summary>
internal static class UnsupportedGraphs
{
    public static void Refuse(OnnxModel model)
    {
        foreach (var node in model.Graph.Nodes)
        {
            if (node.OpType is "BeamSearch" or "GreedySearch" or "Sampling" && node.Domain == "com.microsoft")
                throw new RefusedException("MKA013", node.Label, $"the decoder is packed inside a {node.OpType} operator", "Export the decoder alone, without the generation loop");
        }

        var branching = model.Graph.Nodes.FirstOrDefault(n => n.OpType == "If" && n.Outputs.Any(o => model.Graph.Outputs.Any(p => p.Name == o)) && n.Outputs.Length > 1);
        if (branching is not null)
            throw new RefusedException("MKA015", branching.Label, "the decoder stands twice in this model, in the branches of an If (a merged export)", "Use the export that is not merged: model.onnx, or decoder_with_past_model.onnx");
        if (model.Graph.Inputs.FirstOrDefault(i => i.Name is "encoder_hidden_states" or "encoder_outputs" || i.Name.Contains(".encoder.", StringComparison.Ordinal)) is { } encoder)
            throw new RefusedException("MKA014", encoder.Name, "this is the decoder of an encoder-decoder model", "Only decoder-only LLMs are supported");
        if (model.Graph.Inputs.FirstOrDefault(i => i.Name == "token_type_ids") is { } types)
            throw new RefusedException("MKA014", types.Name, "this is an encoder", "Only decoder-only LLMs are supported");
    }
}
