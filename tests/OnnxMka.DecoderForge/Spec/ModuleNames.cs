namespace OnnxMka.Forge;

/// <summary>Module paths of a checkpoint family: what exporters turn into node and initializer names.</summary>
public sealed record ModuleNames
{
    public string Root { get; init; } = "model";

    public string Layers { get; init; } = "layers";

    public string Embedding { get; init; } = "embed_tokens";

    public string Positions { get; init; } = "embed_positions";

    public string FinalNorm { get; init; } = "norm";

    public string Head { get; init; } = "lm_head";

    public string Attention { get; init; } = "self_attn";

    public string Mlp { get; init; } = "mlp";

    public string Query { get; init; } = "q_proj";

    public string Key { get; init; } = "k_proj";

    public string Value { get; init; } = "v_proj";

    public string Packed { get; init; } = "qkv_proj";

    public string Output { get; init; } = "o_proj";

    public string Gate { get; init; } = "gate_proj";

    public string Up { get; init; } = "up_proj";

    public string Down { get; init; } = "down_proj";

    public string InputNorm { get; init; } = "input_layernorm";

    public string PostNorm { get; init; } = "post_attention_layernorm";

    public string AttentionAfterNorm { get; init; } = "attention_after_layernorm";

    public string MlpAfterNorm { get; init; } = "post_feedforward_layernorm";

    public static ModuleNames Llama { get; } = new();

    public static ModuleNames GenAi { get; } = new() { Attention = "attn", FinalNorm = "final_norm_layernorm" };

    public static ModuleNames Gpt2 { get; } = new()
    {
        Root = "transformer",
        Layers = "h",
        Embedding = "wte",
        Positions = "wpe",
        FinalNorm = "ln_f",
        Attention = "attn",
        Packed = "c_attn",
        Output = "c_proj",
        Up = "c_fc",
        Down = "c_proj",
        InputNorm = "ln_1",
        PostNorm = "ln_2",
    };

    public static ModuleNames Opt { get; } = new()
    {
        Root = "model.decoder",
        FinalNorm = "final_layer_norm",
        Output = "out_proj",
        Mlp = "",
        Up = "fc1",
        Down = "fc2",
        InputNorm = "self_attn_layer_norm",
        PostNorm = "final_layer_norm",
    };

    public static ModuleNames NeoX { get; } = new()
    {
        Root = "gpt_neox",
        Embedding = "embed_in",
        FinalNorm = "final_layer_norm",
        Head = "embed_out",
        Attention = "attention",
        Packed = "query_key_value",
        Output = "dense",
        Up = "dense_h_to_4h",
        Down = "dense_4h_to_h",
    };

    public static ModuleNames GptJ { get; } = new()
    {
        Root = "transformer",
        Layers = "h",
        Embedding = "wte",
        FinalNorm = "ln_f",
        Attention = "attn",
        Output = "out_proj",
        Up = "fc_in",
        Down = "fc_out",
        InputNorm = "ln_1",
    };

    public static ModuleNames Phi { get; } = new() { FinalNorm = "final_layernorm", Output = "dense", Up = "fc1", Down = "fc2" };

    public static ModuleNames Falcon { get; } = new()
    {
        Root = "transformer",
        Layers = "h",
        Embedding = "word_embeddings",
        FinalNorm = "ln_f",
        Attention = "self_attention",
        Packed = "query_key_value",
        Output = "dense",
        Up = "dense_h_to_4h",
        Down = "dense_4h_to_h",
    };

    public static ModuleNames Gemma { get; } = new()
    {
        AttentionAfterNorm = "post_attention_layernorm",
        PostNorm = "pre_feedforward_layernorm",
    };

    public static ModuleNames Bert { get; } = new()
    {
        Root = "encoder",
        Layers = "layer",
        Attention = "attention",
        Output = "dense",
        Up = "intermediate",
        Down = "output",
        Embedding = "word_embeddings",
        Positions = "position_embeddings",
        InputNorm = "attention_layernorm",
        PostNorm = "output_layernorm",
    };
}
