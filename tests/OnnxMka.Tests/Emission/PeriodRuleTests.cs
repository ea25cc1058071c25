using System.Text;
using OnnxMka.Emission;

namespace OnnxMka.Tests.Emission;

/// <summary>
/// What configuration says of layers without listing them, with 16 layers of which 3, 7 and 8 go. The expected lists are what the classes
/// of transformers make of the same text for 16 layers, less the entries of those three.
/// </summary>
public sealed class PeriodRuleTests
{
    private static readonly int[] Kept = [.. Enumerable.Range(0, 16).Except([3, 7, 8])];

    [Theory]
    [InlineData("gemma2", 2, "layer_types", "full_attention", "sliding_attention")]
    [InlineData("vaultgemma", 2, "layer_types", "full_attention", "sliding_attention")]
    [InlineData("gpt_oss", 2, "layer_types", "full_attention", "sliding_attention")]
    [InlineData("gemma3_text", 6, "layer_types", "full_attention", "sliding_attention")]
    [InlineData("gemma3n_text", 5, "layer_types", "full_attention", "sliding_attention")]
    [InlineData("cohere2", 4, "layer_types", "full_attention", "sliding_attention")]
    [InlineData("olmo3", 4, "layer_types", "full_attention", "sliding_attention")]
    [InlineData("exaone4", 4, "layer_types", "full_attention", "sliding_attention")]
    [InlineData("qwen3_next", 4, "layer_types", "full_attention", "linear_attention")]
    [InlineData("llama4_text", 4, "no_rope_layers", "0", "1")]
    [InlineData("smollm3", 4, "no_rope_layers", "0", "1")]
    public void A_rule_of_the_model_type_is_written_out(string type, int period, string list, string special, string usual)
    {
        var entries = Entries(i => (i + 1) % period == 0, special, usual);
        Assert.Equal(
            $"{{\"model_type\": \"{type}\", \"num_hidden_layers\": 13, \"{list}\": {entries}, \"x\": 1}}",
            Rewrite($"{{\"model_type\": \"{type}\", \"num_hidden_layers\": 16, \"x\": 1}}"));
        // An entry that stands there empty is filled in where it stands.
        foreach (var nothing in new[] { "null", "[]" })
        {
            Assert.Equal(
                $"{{\"{list}\": {entries}, \"model_type\": \"{type}\", \"num_hidden_layers\": 13}}",
                Rewrite($"{{\"{list}\": {nothing}, \"model_type\": \"{type}\", \"num_hidden_layers\": 16}}"));
        }

        Assert.Equal(
            $"{{\"text_config\": {{\"model_type\": \"{type}\", \"num_hidden_layers\": 13, \"{list}\": {entries}}}}}",
            Rewrite($"{{\"text_config\": {{\"model_type\": \"{type}\", \"num_hidden_layers\": 16}}}}"));
    }

    [Theory]
    [InlineData("{\"layer_types\": null, \"sliding_window_pattern\": 6}", "{\"layer_types\": @6, \"sliding_window_pattern\": 6}")]
    [InlineData("{\"sliding_window_pattern\": 6, \"layer_types\": []}", "{\"sliding_window_pattern\": 6, \"layer_types\": @6}")]
    [InlineData("{\"_sliding_window_pattern\": 6}", "{\"_sliding_window_pattern\": 6,\"layer_types\": @6}")]
    [InlineData(
        "{\"_sliding_window_pattern\": 6, \"sliding_window_pattern\": 6}",
        "{\"_sliding_window_pattern\": 6, \"sliding_window_pattern\": 6, \"layer_types\": @6}")]
    [InlineData("{\"sliding_window_pattern\": \"LLLG\"}", "{\"sliding_window_pattern\": \"LLLG\",\"layer_types\": @4}")]
    [InlineData(
        "{\"model_type\": \"gemma3\", \"text_config\": {\"num_hidden_layers\": 16}}",
        "{\"model_type\": \"gemma3\", \"text_config\": {\"num_hidden_layers\": 13,\"layer_types\": @6}}")]
    [InlineData(
        "{\"model_type\": \"gemma3\", \"text_config\": {\"model_type\": \"gemma3_text\"}}",
        "{\"model_type\": \"gemma3\", \"text_config\": {\"model_type\": \"gemma3_text\",\"layer_types\": @6}}")]
    public void A_period_is_written_out_wherever_the_list_would_stand(string before, string after)
    {
        var expected = after.Replace(
            "@6",
            Entries(i => (i + 1) % 6 == 0),
            StringComparison.Ordinal).Replace("@4", Entries(i => (i + 1) % 4 == 0), StringComparison.Ordinal);
        Assert.Equal(expected, Rewrite(before, out var changes));
        Assert.DoesNotContain(changes, c => c.IsWarning);
    }

    /// <summary>The pattern begins anew behind its end, and the last layer sees everything whatever its letter.</summary>
    [Fact]
    public void Letters_repeat_and_the_last_layer_is_global()
    {
        var entries = Entries(i => i % 5 == 4 || i == 15);
        Assert.Equal(
            $"{{\"sliding_window_pattern\": \"LLLLG\",\"layer_types\": {entries}}}", Rewrite("{\"sliding_window_pattern\": \"LLLLG\"}"));
    }

    [Fact]
    public void A_pattern_that_repeats_over_the_layers_is_written_out()
    {
        var entries = string.Join(", ", Kept.Select(i => i % 3 == 2 ? "\"attention\"" : "\"recurrent\""));
        Assert.Equal($"{{\"block_types\": [{entries}]}}", Rewrite("{\"block_types\": [\"recurrent\", \"recurrent\", \"attention\"]}"));
    }

    [Theory]
    [InlineData("{\"model_type\": \"jamba\", \"num_hidden_layers\": 16, \"expert_layer_period\": 1}", "attn_layer_period")]
    [InlineData("{\"model_type\": \"modernbert-decoder\", \"num_hidden_layers\": 16}", "global_attn_every_n_layers")]
    [InlineData("{\"model_type\": \"minimax\", \"num_hidden_layers\": 16}", "layer_types")]
    [InlineData("{\"num_hidden_layers\": 16, \"global_attn_every_n_layers\": 4}", "global_attn_every_n_layers")]
    [InlineData("{\"num_hidden_layers\": 16, \"sliding_window_pattern\": \"LXLG\"}", "sliding_window_pattern")]
    [InlineData("{\"num_hidden_layers\": 16, \"sliding_window_pattern\": \"\"}", "sliding_window_pattern")]
    public void A_rule_that_no_list_can_stand_for_is_named(string text, string key)
    {
        Assert.Equal(text.Replace("16", "13", StringComparison.Ordinal), Rewrite(text, out var changes));
        Assert.Equal(key, Assert.Single(changes, c => c.IsWarning).Key);
    }

    [Theory]
    [InlineData("{\"model_type\": \"llama\", \"num_hidden_layers\": 16}")]
    [InlineData("{\"model_type\": \"exaone4\", \"num_hidden_layers\": 16, \"sliding_window\": null}")]
    [InlineData("{\"model_type\": \"gemma3\", \"num_hidden_layers\": 16, \"layer_types\": [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]}")]
    public void Where_no_rule_speaks_nothing_is_written(string text)
    {
        var kept = string.Join(',', Enumerable.Range(0, 16));
        Assert.Equal(
            text.Replace("\": 16", "\": 13", StringComparison.Ordinal).Replace(kept, string.Join(',', Kept), StringComparison.Ordinal),
            Rewrite(text, out var changes));
        Assert.DoesNotContain(changes, c => c.IsWarning);
    }

    [Fact]
    public void A_rule_that_the_layers_still_follow_stays() =>
        Assert.Equal(
            "{\"model_type\": \"gemma2\", \"num_hidden_layers\": 14}",
            Text("{\"model_type\": \"gemma2\", \"num_hidden_layers\": 16}", [14, 15], []));

    private static string Entries(Func<int, bool> isSpecial, string special = "full_attention", string usual = "sliding_attention")
    {
        var quote = special.Length > 1 ? "\"" : "";
        return $"[{string.Join(", ", Kept.Select(i => quote + (isSpecial(i) ? special : usual) + quote))}]";
    }

    private static string Rewrite(string text) => Rewrite(text, out _);

    private static string Rewrite(string text, out List<ConfigChange> changes) => Text(text, [3, 7, 8], changes = []);

    private static string Text(string text, int[] removed, List<ConfigChange> changes) =>
        Encoding.UTF8.GetString(
            ConfigFiles.Rewrite(
                "config.json",
                Encoding.UTF8.GetBytes(text),
                Books16.Plan(removed),
                new ModelNames("model.onnx", "model.onnx"),
                PortNames.None,
                changes));
}
