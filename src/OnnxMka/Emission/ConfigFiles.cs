using System.Text.Json;
using OnnxMka.Planning;

namespace OnnxMka.Emission;

/// <summary>One change that was made to a configuration file, or a warning that none could be.</summary>
public sealed record ConfigChange(string File, string Key, string Change, bool IsWarning = false);

/// <summary>
/// Brings <c>genai_config.json</c> and <c>config.json</c> in line with the new number of layers: counts are replaced, arrays with
/// one entry a layer keep the entries of the layers that stay.
/// </summary>
public static class ConfigFiles
{
    private static readonly string[] CountKeys = ["num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_decoder_layers", "num_transformer_layers"];

    private static readonly string[] PerLayerKeys =
    [
        "layer_types", "no_rope_layers", "attention_layers", "layers_block_type", "mlp_layer_types", "num_kv_heads",
        "ffn_multipliers", "block_types", "sliding_window_pattern", "num_query_heads", "num_key_value_heads_per_layer", "intermediate_sizes",
    ];

    /// <summary>True for the files that this class changes.</summary>
    public static bool Knows(string fileName) => fileName is "genai_config.json" or "config.json";

    /// <summary>New bytes of a file. Unknown keys, key order and spacing stay.</summary>
    public static byte[] Rewrite(string fileName, byte[] bytes, MergePlan plan, string modelFileName, List<ConfigChange> changes)
    {
        var json = JsonText.Parse(bytes, fileName);
        var kept = plan.Groups.Select(g => g.Block).ToArray();
        foreach (var (path, span) in json.Values)
        {
            var key = path[(path.LastIndexOf('.') + 1)..];
            if (!IsDecoder(fileName, path)) continue;
            if (CountKeys.Contains(key, StringComparer.Ordinal) && json.Integer(path) is { } count) Count(json, span, fileName, path, count, plan, changes);
            else if (path == "model.decoder.sliding_window.layers") RemapIndices(json, span, fileName, path, kept, changes);
            else if (PerLayerKeys.Contains(key, StringComparer.Ordinal) && span.Kind == JsonTokenType.StartArray) KeepLayers(json, span, fileName, path, plan, kept, changes);
            else if (path == "model.decoder.filename") Filename(json, span, fileName, path, modelFileName, changes);
        }

        return json.ToBytes();
    }

    /// <summary>genai_config.json names other networks too (encoder, mtp, vision), whose layers are not the decoder's.</summary>
    private static bool IsDecoder(string fileName, string path) =>
        fileName == "genai_config.json"
            ? path.StartsWith("model.decoder.", StringComparison.Ordinal)
            : !path.Contains('.') || path.StartsWith("text_config.", StringComparison.Ordinal) || path.StartsWith("llm_config.", StringComparison.Ordinal);

    private static void Count(JsonText json, JsonSpan span, string file, string path, long count, MergePlan plan, List<ConfigChange> changes)
    {
        if (count != plan.BlockCount)
        {
            changes.Add(new ConfigChange(file, path, $"says {count} layers and the model has {plan.BlockCount}; left alone", IsWarning: true));
            return;
        }

        json.Replace(span, plan.Groups.Length.ToString());
        changes.Add(new ConfigChange(file, path, $"{count} -> {plan.Groups.Length}"));
    }

    private static void KeepLayers(JsonText json, JsonSpan span, string file, string path, MergePlan plan, int[] kept, List<ConfigChange> changes)
    {
        if (span.Elements.Count != plan.BlockCount)
        {
            changes.Add(new ConfigChange(file, path, $"has {span.Elements.Count} entries and the model {plan.BlockCount} layers; left alone", IsWarning: true));
            return;
        }

        json.KeepElements(span, kept);
        changes.Add(new ConfigChange(file, path, $"entries of layers {string.Join(", ", kept)} kept"));
    }

    private static void RemapIndices(JsonText json, JsonSpan span, string file, string path, int[] kept, List<ConfigChange> changes)
    {
        var mapped = span.Elements
            .Select(e => Array.IndexOf(kept, int.Parse(json.Text(e))))
            .Where(i => i >= 0)
            .ToArray();
        json.Replace(span, $"[{string.Join(", ", mapped)}]");
        changes.Add(new ConfigChange(file, path, $"now [{string.Join(", ", mapped)}]"));
    }

    private static void Filename(JsonText json, JsonSpan span, string file, string path, string modelFileName, List<ConfigChange> changes)
    {
        var quoted = JsonSerializer.Serialize(modelFileName);
        if (json.Text(span) == quoted) return;
        json.Replace(span, quoted);
        changes.Add(new ConfigChange(file, path, $"-> {modelFileName}"));
    }
}
