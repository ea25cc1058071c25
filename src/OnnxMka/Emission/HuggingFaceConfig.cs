using System.Text.Json;
using System.Text.RegularExpressions;
using OnnxMka.Inputs;
using OnnxMka.Json;

namespace OnnxMka.Emission;

/// <summary>
/// The rules of <c>config.json</c>: counts and per-layer entries of the decoder, which stands at the top or in <c>text_config</c> and
/// its like. Other networks (<c>vision_config</c>, <c>audio_config</c>, <c>encoder</c>) are left alone.
/// </summary>
internal static partial class HuggingFaceConfig
{
    private static readonly string[] Counts =
    [
        "num_hidden_layers",
        "n_layer",
        "n_layers",
        "num_layers",
        "num_layer",
        "num_decoder_layers",
        "decoder_layers",
        "num_transformer_layers",
        "num_blocks",
    ];

    private static readonly string[] DecoderCounts = ["num_decoder_layers", "decoder_layers"];

    private static readonly string[] EntryLists =
    [
        "layer_types",
        "layers_block_type",
        "block_types",
        "mlp_layer_types",
        "attention_layers",
        "no_rope_layers",
        "sliding_window_pattern",
        "attn_type_list",
        "moe_layer_freq",
        "block_configs",
        "num_query_heads",
        "num_kv_heads",
        "num_key_value_heads",
        "num_attention_heads",
        "num_key_value_heads_per_layer",
        "ffn_multipliers", "intermediate_size", "intermediate_sizes", "activation_sparsity_pattern", "window_sizes",
    ];

    private static readonly string[] IndexLists =
    [
        "mlp_only_layers",
        "attn_layer_indices",
        "attention_layer_indices",
        "full_attn_idxs",
        "hybrid_layer_ids",
        "cross_attention_layers",
        "moe_layers",
        "moe_layer_indices",
        "dense_layers",
        "sliding_window_layers",
        "full_attention_layers",
        "attn_layer_idx",
        "global_attention_layers",
        "layer_ids",
    ];

    private static readonly string[] FirstLayers =
    [
        "max_window_layers",
        "first_k_dense_replace",
        "num_dense_layers",
        "moe_layer_start_index",
    ];

    private static readonly string[] LastLayers = ["num_kv_shared_layers"];

    private static readonly string[] LetterStrings = ["hybrid_override_pattern"];

    /// <summary>Keys with "layer" in their name that say nothing about single layers of the decoder.</summary>
    private static readonly string[] Harmless =
        [
            "num_nextn_predict_layers",
            "mtp_num_hidden_layers",
            "encoder_layers",
            "num_encoder_layers",
            "vision_feature_layer",
            "vocab_size_per_layer_input",
            "hidden_size_per_layer_input",
            "vision_feature_layers",
        ];

    public static void Rewrite(LayerEdits edits)
    {
        var numbered = new HashSet<string>(StringComparer.Ordinal);
        foreach (var scope in ConfigPlaces.DecoderObjects) PeriodRules.Apply(edits, scope, CountIn(edits, scope));
        foreach (var (path, span) in edits.Json.Values.Where(v => !edits.Written.Contains(v.Key)))
        {
            var (parent, key) = Split(path);
            if (OtherNetwork().IsMatch(parent) || path.StartsWith(TransformersJs.Section, StringComparison.Ordinal)) continue;
            var isEntry = key.EndsWith(']');
            if (!isEntry && ConfigPlaces.DecoderObjects.Contains(parent, StringComparer.Ordinal)) Apply(edits, path, key, span);
            else if (!isEntry && IsLayerKey(key)) Unknown(edits, path, span);
            NumberedName(edits, path, span, numbered);
        }
    }

    /// <summary>The decoder's layers; null where no key tells them.</summary>
    public static long? Count(JsonText json) =>
        ConfigPlaces.DecoderObjects.SelectMany(
            _ => Counts, (parent, key) => json.Integer(ConfigPlaces.In(parent, key))).FirstOrDefault(count => count is not null);

    /// <summary>True where a key of the decoder says how many layers it has.</summary>
    public static bool TellsCount(byte[] bytes) => JsonText.Parse(bytes, ConfigPlaces.HuggingFace).Values.Any(v =>
        v.Value.Kind == JsonTokenType.Number
            && Split(v.Key) is var (parent, key)
            && Counts.Contains(key, StringComparer.Ordinal)
            && ConfigPlaces.DecoderObjects.Contains(parent, StringComparer.Ordinal));

    /// <summary>Of encoder and decoder, num_layers and its like count the encoder's.</summary>
    private static string[] CountsOf(LayerEdits edits) =>
        edits.Json.Find("is_encoder_decoder") is { Kind: JsonTokenType.True } ? DecoderCounts : Counts;

    private static JsonSpan? CountIn(LayerEdits edits, string scope) =>
        CountsOf(edits).Select(
            key => edits.Json.Find(ConfigPlaces.In(scope, key))).FirstOrDefault(span => span is { Kind: JsonTokenType.Number });

    private static void Apply(LayerEdits edits, string path, string key, JsonSpan span)
    {
        var isList = span.Kind == JsonTokenType.StartArray;
        var isCount = CountsOf(edits).Contains(key, StringComparer.Ordinal) && span.Kind is JsonTokenType.Number or JsonTokenType.String;
        if (isCount) edits.Count(path, span);
        else if (isList && key == "block_types" && span.Elements.Count > 0 && span.Elements.Count < edits.Before) edits.Pattern(path, span);
        else if (isList && EntryLists.Contains(key, StringComparer.Ordinal)) edits.Entries(path, span);
        else if (isList && IndexLists.Contains(key, StringComparer.Ordinal)) edits.Indices(path, span);
        else if (isList && key == "attention_types") AttentionTypes(edits, path, span);
        else if (FirstLayers.Contains(key, StringComparer.Ordinal)) edits.FirstLayers(path, span);
        else if (LastLayers.Contains(key, StringComparer.Ordinal)) edits.LastLayers(path, span);
        else if (LetterStrings.Contains(key, StringComparer.Ordinal)) edits.Letters(path, span);
        else if (!PeriodRule.Knows(key) && IsLayerKey(key)) Unknown(edits, path, span);
        else if (isList && span.Elements.Count == edits.Before && !Known(key))
            edits.Warn(path, "has as many entries as the model had layers and is not understood; left alone");
    }

    private static bool Known(string key) => PeriodRule.Knows(key) || key is "architectures" or "attention_types";

    /// <summary>GPT-Neo: pairs of a pattern and how often it repeats, <c>[[["global", "local"], 6]]</c>; written as one pattern.</summary>
    private static void AttentionTypes(LayerEdits edits, string path, JsonSpan span)
    {
        var layers = new List<string>();
        foreach (var pair in span.Elements)
        {
            if (pair.Elements is not [{ Kind: JsonTokenType.StartArray } pattern, var times]
                || edits.Json.Integer(times) is not { } repeats)
            {
                edits.Warn(path, "is not pairs of a pattern and a number; left alone");
                return;
            }

            var texts = pattern.Elements.Select(edits.Json.Text).ToArray();
            for (var i = 0; texts.Length > 0 && i < repeats && layers.Count <= edits.Before; i++) layers.AddRange(texts);
        }

        if (layers.Count != edits.Before)
        {
            edits.Warn(path, $"speaks of {layers.Count} layers and the model has {edits.Before}; left alone");
            return;
        }

        edits.Json.Replace(span, $"[[[{string.Join(", ", edits.Kept.Select(i => layers[i]))}], 1]]");
        edits.Tell(path, $"written out for layers {LayerEdits.Listed(edits.Kept)}");
    }

    /// <summary>Numbers and lists whose key speaks of layers. Flags and text do not shift when a layer goes.</summary>
    private static void Unknown(LayerEdits edits, string path, JsonSpan span)
    {
        var shifts = span.Kind is JsonTokenType.StartArray or JsonTokenType.StartObject || edits.Json.Integer(span) is not null;
        var flag = span.Kind == JsonTokenType.True && path.EndsWith("inverse_layer_idx", StringComparison.Ordinal);
        if (shifts || flag) edits.Warn(path, "mentions layers and is not understood; left alone");
    }

    private static bool IsLayerKey(string key) =>
        LayerWord().IsMatch(key) && !NotALayer().IsMatch(key) && !Harmless.Contains(key, StringComparer.Ordinal);

    /// <summary>Text such as <c>model.layers.7.mlp</c>, told once for each top-level key.</summary>
    private static void NumberedName(LayerEdits edits, string path, JsonSpan span, HashSet<string> told)
    {
        var key = Split(path).Key;
        var text = edits.Json.String(span) ?? key;
        var top = path.Split('.', '[')[0];
        if (NumberedLayer().Match(text) is { Success: true } match && told.Add(top))
            edits.Warn(top, $"names layers by number ({match.Value}) and is not understood; left alone");
    }

    private static (string Parent, string Key) Split(string path)
    {
        var dot = path.LastIndexOf('.');
        return dot < 0 ? ("", path) : (path[..dot], path[(dot + 1)..]);
    }

    [
        GeneratedRegex(
            @"(^|\.)(vision|visual|audio|speech|image|encoder|talker|code2wav|projector|draft|mtp|backbone_config|perceiver)",
            RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
            1000),
    ]
    private static partial Regex OtherNetwork();

    [GeneratedRegex(@"(?<![a-z])(layers?|layer_idx)(?![a-z])", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex LayerWord();

    [
        GeneratedRegex(
            @"layer_?norm|layer_?drop|layer_scale|feature_layer|layer_eps",
            RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
            1000),
    ]
    private static partial Regex NotALayer();

    [GeneratedRegex(@"(?<![a-z])(layers|blocks|h)\.[0-9]+(?![0-9])", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    internal static partial Regex NumberedLayer();
}
