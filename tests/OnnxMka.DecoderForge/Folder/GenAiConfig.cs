using System.Text.Json.Nodes;

namespace OnnxMka.Forge;

/// <summary>The genai_config.json with which ORT GenAI loads the folder.</summary>
internal static class GenAiConfig
{
    /// <summary>Null where GenAI cannot run the model: no cache, or ports that it has no name templates for.</summary>
    public static JsonObject? Of(DecoderSpec spec)
    {
        if (spec.Form.KvPorts == KvPortForm.None || spec.Form.IfMerged || spec.Network.CrossAttention) return null;
        var n = spec.Network;
        var decoder = new JsonObject
        {
            ["session_options"] = new JsonObject { ["provider_options"] = new JsonArray() },
            ["filename"] = "model.onnx",
            ["head_size"] = n.HeadSize,
            ["hidden_size"] = n.Hidden,
            ["inputs"] = Inputs(spec),
            ["outputs"] = Outputs(spec.Form),
            ["num_attention_heads"] = n.Heads,
            ["num_hidden_layers"] = spec.Blocks.Length,
            ["num_key_value_heads"] = n.KvHeads,
        };
        if (spec.Blocks.FirstOrDefault(b => b.Window > 0) is { } windowed)
        {
            decoder["sliding_window"] = new JsonObject
            {
                ["window_size"] = windowed.Window,
                ["slide_key_value_cache"] = false,
                ["slide_inputs"] = false,
                ["layers"] = new JsonArray([.. Numbers(spec, b => b.Window > 0)]),
            };
        }

        if (spec.Blocks.Any(b => b.Mixer != MixerKind.Attention))
            decoder["layer_types"] = new JsonArray([.. spec.Blocks.Select(b => (JsonNode)HuggingFaceConfig.LayerType(b.Mixer))]);
        return new JsonObject
        {
            ["model"] = new JsonObject
            {
                ["type"] = spec.ModelType,
                ["bos_token_id"] = 0,
                ["eos_token_id"] = 0,
                ["pad_token_id"] = 0,
                ["context_length"] = n.MaxPositions,
                ["vocab_size"] = n.Vocabulary,
                ["decoder"] = decoder,
            },
            ["search"] = new JsonObject
            {
                ["do_sample"] = false,
                ["max_length"] = n.MaxPositions,
                ["min_length"] = 0,
                ["num_beams"] = 1,
                ["num_return_sequences"] = 1,
                ["past_present_share_buffer"] = false,
                ["repetition_penalty"] = 1.0,
                ["temperature"] = 1.0,
                ["top_k"] = 1,
                ["top_p"] = 1.0,
            },
        };
    }

    private static IEnumerable<JsonNode> Numbers(DecoderSpec spec, Func<BlockSpec, bool> which) =>
        Enumerable.Range(0, spec.Blocks.Length).Where(i => which(spec.Blocks[i])).Select(i => (JsonNode)i);

    private static JsonObject Inputs(DecoderSpec spec)
    {
        var form = spec.Form;
        var inputs = new JsonObject
        {
            [form.InputsEmbeds ? "inputs_embeds" : "input_ids"] = form.InputsEmbeds ? "inputs_embeds" : "input_ids",
            ["attention_mask"] = "attention_mask",
        };
        if (spec.HasPositionIds) inputs["position_ids"] = "position_ids";
        if (form.KvPorts == KvPortForm.KeyValue)
        {
            inputs["past_key_names"] = "past_key_values.%d.key";
            inputs["past_value_names"] = "past_key_values.%d.value";
            if (spec.Blocks.Any(b => b.HasConvolution)) inputs["past_conv_names"] = "past_conv.%d";
        }
        else
        {
            inputs["past_names"] = form.KvPorts == KvPortForm.CombinedPast ? "past_%d" : "past_key_values.%d";
        }

        return inputs;
    }

    private static JsonObject Outputs(GraphForm form) => form.KvPorts == KvPortForm.KeyValue
        ? new JsonObject { ["logits"] = "logits", ["present_key_names"] = "present.%d.key", ["present_value_names"] = "present.%d.value" }
        : new JsonObject
        {
            ["logits"] = "logits",
            ["present_names"] = form.KvPorts == KvPortForm.CombinedPast ? "present_%d" : "present.%d",
        };
}
