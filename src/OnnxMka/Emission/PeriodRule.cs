using System.Collections.Immutable;

namespace OnnxMka.Emission;

/// <summary>A rule by which configuration says what a layer is from its number alone.</summary>
/// <param name="Key">Where its period stands.</param>
/// <param name="Test">True for a special layer, by number and period.</param>
/// <param name="List">Key of the list that says the same layer by layer; null where none exists.</param>
/// <param name="Special">A special layer's entry.</param>
/// <param name="Usual">Entry of any other.</param>
internal sealed record PeriodRule(string Key, Func<long, long, bool> Test, string? List, string Special = "", string Usual = "")
{
    private const string Full = "\"full_attention\"";
    private const string Sliding = "\"sliding_attention\"";

    /// <summary>Every rule that is known. Keys of one object are looked at in this order.</summary>
    public static ImmutableArray<PeriodRule> All { get; } =
    [
        new("sliding_window_pattern", Last, "layer_types", Full, Sliding)
        {
            Periods = Of(
                ("gemma2", 2), ("vaultgemma", 2), ("gpt_oss", 2), ("gemma3", 6), ("gemma3_text", 6), ("gemma3n", 5), ("gemma3n_text", 5),
                ("cohere2", 4), ("exaone4", 4), ("olmo3", 4)),
            Needs = "sliding_window",
        },
        new("_sliding_window_pattern", Last, "layer_types", Full, Sliding),
        new("full_attention_interval", Last, "layer_types", Full, "\"linear_attention\"") { Periods = Of(("qwen3_next", 4)) },
        new("no_rope_layer_interval", Last, "no_rope_layers", "0", "1") { Periods = Of(("llama4", 4), ("llama4_text", 4), ("smollm3", 4)) },
        new("global_attn_every_n_layers", First, null) { Periods = Of(("modernbert-decoder", 3)) },
        // Some count it from the other end of the period.
        new("global_attn_every_n_layers", Last, null),
        new("dense_attention_every_n_layers", Last, null),
        new("interleave_moe_layer_step", Last, null),
        new("decoder_sparse_step", Last, null),
        new("moe_layer_freq", First, null),
        new("attn_layer_period", First, null) { Offset = "attn_layer_offset", Periods = Of(("jamba", 8)), UsualOffset = 4 },
        new("expert_layer_period", First, null) { Offset = "expert_layer_offset", Periods = Of(("jamba", 2)), UsualOffset = 1 },
        new("layer_types", Last, null) { Periods = Of(("minimax", 2)), IsImplied = true },
    ];

    /// <summary>Key of a number that is taken from the layer's first.</summary>
    public string? Offset { get; init; }

    /// <summary>The offset where there is no key.</summary>
    public int UsualOffset { get; init; }

    /// <summary>Key that turns the rule off where it stands as null.</summary>
    public string? Needs { get; init; }

    /// <summary>Periods by model type, where configuration does not give one: as transformers fills them in.</summary>
    public ImmutableDictionary<string, int> Periods { get; init; } = ImmutableDictionary<string, int>.Empty;

    /// <summary>True where no key gives a period: what the rule is named by is the list that is not there.</summary>
    public bool IsImplied { get; init; }

    public static bool Knows(string key) => All.Any(r => (r.Key == key && !r.IsImplied) || r.Offset == key);

    private static bool Last(long layer, long period) => (layer + 1) % period == 0;

    private static bool First(long layer, long period) => layer % period == 0;

    private static ImmutableDictionary<string, int> Of(params (string Type, int Period)[] periods) =>
        periods.ToImmutableDictionary(p => p.Type, p => p.Period, StringComparer.Ordinal);
}
