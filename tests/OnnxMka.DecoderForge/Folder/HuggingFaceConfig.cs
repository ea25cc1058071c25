using System.Text.Json.Nodes;

namespace OnnxMka.Forge;

/// <summary>The config.json of a checkpoint: sizes, and a list for everything that differs between layers.</summary>
internal static class HuggingFaceConfig
{
    public static JsonObject Of(DecoderSpec spec)
    {
        var n = spec.Network;
        var type = spec.ModelType;
        var config = new JsonObject
        {
            ["architectures"] = new JsonArray(Architecture(type)),
            ["model_type"] = type,
            ["vocab_size"] = n.Vocabulary,
            ["tie_word_embeddings"] = n.Head == HeadKind.Tied,
            ["bos_token_id"] = 0,
            ["eos_token_id"] = 0,
        };
        if (type is "gpt2" or "gptj") Gpt(config, spec);
        else Common(config, spec);
        PerLayer(config, spec);
        return config;
    }

    private static void Gpt(JsonObject config, DecoderSpec spec)
    {
        var n = spec.Network;
        config["n_embd"] = n.Hidden;
        config["n_head"] = n.Heads;
        config["n_layer"] = spec.Blocks.Length;
        config["n_inner"] = n.Inner;
        config["n_positions"] = n.MaxPositions;
        config["layer_norm_epsilon"] = n.Epsilon;
    }

    private static void Common(JsonObject config, DecoderSpec spec)
    {
        var n = spec.Network;
        config["hidden_size"] = n.Hidden;
        config["intermediate_size"] = n.Inner;
        config["num_attention_heads"] = n.Heads;
        config["num_key_value_heads"] = n.KvHeads;
        config["num_hidden_layers"] = spec.Blocks.Length;
        config["head_dim"] = n.HeadSize;
        config["max_position_embeddings"] = n.MaxPositions;
        config[n.Norm == NormKind.Rms ? "rms_norm_eps" : "layer_norm_eps"] = n.Epsilon;
        if (n.Positions == PositionKind.Rotary) config["rope_theta"] = n.RopeTheta;
        if (spec.Blocks.Any(b => b.Mlp == MlpKind.Experts))
        {
            config["num_local_experts"] = n.Experts;
            config["num_experts_per_tok"] = n.ExpertsPerToken;
        }
    }

    private static void PerLayer(JsonObject config, DecoderSpec spec)
    {
        var blocks = spec.Blocks;
        if (blocks.Any(b => b.Mixer != MixerKind.Attention)) config["layer_types"] = List(b => LayerType(b.Mixer));
        else if (blocks.Any(b => b.Window > 0)) config["layer_types"] = List(b => b.Window > 0 ? "sliding_attention" : "full_attention");
        if (blocks.FirstOrDefault(b => b.Window > 0) is { } windowed) config["sliding_window"] = windowed.Window;
        if (blocks.Any(b => b.NoRope)) config["no_rope_layers"] = List(b => b.NoRope ? 0 : 1);
        if (blocks.Any(b => b.Mlp == MlpKind.Experts) && blocks.Any(b => b.Mlp != MlpKind.Experts))
            config["mlp_layer_types"] = List(b => b.Mlp == MlpKind.Experts ? "sparse" : "dense");

        JsonArray List(Func<BlockSpec, JsonNode> value) => [.. blocks.Select(value)];
    }

    internal static string LayerType(MixerKind mixer) => mixer switch
    {
        MixerKind.Convolution => "conv",
        MixerKind.Recurrence or MixerKind.ConvolvedRecurrence => "linear_attention",
        MixerKind.AttentionAndRecurrence => "hybrid",
        _ => "full_attention",
    };

    private static string Architecture(string type) => type switch
    {
        "gpt2" => "GPT2LMHeadModel",
        "gptj" => "GPTJForCausalLM",
        "gpt_neox" => "GPTNeoXForCausalLM",
        "bert" => "BertModel",
        _ => $"{string.Concat(type.Split('_').Select(p => char.ToUpperInvariant(p[0]) + p[1..]))}ForCausalLM",
    };
}
