using System.Globalization;
using System.Text.Json;

namespace OnnxMka.Emission;

/// <summary>
/// Rules that say which layers are special by their number, <c>(i + 1) % n == 0</c>. Where the layers that stay do not follow the rule
/// under their new numbers, the list that the rule stands for is written out behind it; where there is no such list, a warning names it.
/// </summary>
internal static class PeriodRules
{
    private static readonly Rule[] Rules =
    [
        new("sliding_window_pattern", Last, "layer_types", "\"full_attention\"", "\"sliding_attention\""),
        new("full_attention_interval", Last, "layer_types", "\"full_attention\"", "\"linear_attention\""),
        new("no_rope_layer_interval", Last, "no_rope_layers", "0", "1"),
        new("global_attn_every_n_layers", First, null),
        new("dense_attention_every_n_layers", Last, null),
        new("interleave_moe_layer_step", Last, null),
        new("decoder_sparse_step", Last, null),
        new("moe_layer_freq", First, null),
        new("attn_layer_period", First, null, Offset: "attn_layer_offset"),
        new("expert_layer_period", First, null, Offset: "expert_layer_offset"),
    ];

    public static bool Knows(string key) => Rules.Any(r => r.Key == key || r.Offset == key);

    /// <summary>All rules of one object of the file.</summary>
    public static void Apply(LayerEdits edits, string scope)
    {
        foreach (var rule in Rules)
        {
            var path = In(scope, rule.Key);
            if (edits.Json.Find(path) is not { Kind: JsonTokenType.Number } span || edits.Json.Integer(path) is not > 0) continue;
            var period = edits.Json.Integer(path)!.Value;
            var offset = rule.Offset is null ? 0 : edits.Json.Integer(In(scope, rule.Offset)) ?? 0;
            var special = Enumerable.Range(0, edits.Before).Select(i => rule.Test(i - offset, period)).ToArray();
            if (edits.Kept.Select((old, place) => special[place] == special[old]).All(same => same)) continue;
            WriteOut(edits, scope, path, span, rule, special);
        }
    }

    private static void WriteOut(LayerEdits edits, string scope, string path, JsonSpan span, Rule rule, bool[] special)
    {
        if (rule.List is null)
        {
            edits.Warn(path, "is a rule by layer number that the remaining layers do not follow, and there is no list to write instead; left alone");
            return;
        }

        // The list wins over the rule wherever both are read, and it has been cut to the layers that stay.
        if (edits.Json.Find(In(scope, rule.List)) is not null) return;
        var entries = edits.Kept.Select(i => special[i] ? rule.Special : rule.Usual);
        var indent = edits.Json.IndentOf(span);
        edits.Json.InsertAfter(span, $",{indent}\"{rule.List}\": [{string.Join(", ", entries)}]");
        edits.Tell(path, $"no longer describes the layers; {rule.List} written out behind it");
    }

    private static string In(string scope, string key) => scope.Length == 0 ? key : $"{scope}.{key}";

    private static bool Last(long layer, long period) => (layer + 1) % period == 0;

    private static bool First(long layer, long period) => layer % period == 0;

    /// <param name="List">Key of the list that says the same layer by layer; null where none exists.</param>
    private sealed record Rule(string Key, Func<long, long, bool> Test, string? List, string Special = "", string Usual = "", string? Offset = null);
}
