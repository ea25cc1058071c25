using System.Text;
using OnnxMka.Emission;

namespace OnnxMka.Tests.Emission;

/// <summary>Every rule of config.json, with 16 layers of which 3, 7 and 8 go.</summary>
public sealed class HuggingFaceConfigTests
{
    private static readonly int[] Kept = [.. Enumerable.Range(0, 16).Except([3, 7, 8])];

    [Theory]
    [InlineData("num_hidden_layers")]
    [InlineData("n_layer")]
    [InlineData("n_layers")]
    [InlineData("num_layers")]
    [InlineData("num_layer")]
    [InlineData("num_decoder_layers")]
    [InlineData("decoder_layers")]
    [InlineData("num_transformer_layers")]
    [InlineData("num_blocks")]
    public void Every_spelling_of_the_count(string key)
    {
        Assert.Equal($"{{\"{key}\": 13}}", Rewrite($"{{\"{key}\": 16}}"));
        Assert.Equal($"{{\"text_config\": {{\"{key}\": 13}}}}", Rewrite($"{{\"text_config\": {{\"{key}\": 16}}}}"));
        Assert.Equal($"{{\"vision_config\": {{\"{key}\": 16}}}}", Rewrite($"{{\"vision_config\": {{\"{key}\": 16}}}}"));
    }

    [Theory]
    [InlineData("layer_types")]
    [InlineData("layers_block_type")]
    [InlineData("attention_layers")]
    [InlineData("no_rope_layers")]
    [InlineData("mlp_layer_types")]
    [InlineData("sliding_window_pattern")]
    [InlineData("moe_layer_freq")]
    [InlineData("num_kv_heads")]
    [InlineData("num_query_heads")]
    [InlineData("ffn_multipliers")]
    [InlineData("intermediate_size")]
    [InlineData("activation_sparsity_pattern")]
    [InlineData("block_configs")]
    public void Lists_keep_the_entries_of_the_layers_that_stay(string key) =>
        Assert.Equal(
            $"{{\"{key}\": [{string.Join(", ", Kept)}]}}", Rewrite($"{{\"{key}\": [{string.Join(", ", Enumerable.Range(0, 16))}]}}"));

    [Theory]
    [InlineData("mlp_only_layers", "[0, 3, 4, 15]", "[0, 3, 12]")]
    [InlineData("cross_attention_layers", "[3, 8]", "[]")]
    [InlineData("full_attn_idxs", "[2,5,8,10,12,14]", "[2, 4, 7, 9, 11]")]
    [InlineData("hybrid_layer_ids", "[6, 11]", "[5, 8]")]
    [InlineData("attn_layer_indices", "[0, 1]", "[0, 1]")]
    [InlineData("max_window_layers", "9", "6")]
    [InlineData("max_window_layers", "16", "13")]
    [InlineData("max_window_layers", "70", "70")]
    [InlineData("first_k_dense_replace", "1", "1")]
    [InlineData("first_k_dense_replace", "4", "3")]
    [InlineData("num_kv_shared_layers", "10", "8")]
    [InlineData("num_kv_shared_layers", "0", "0")]
    [InlineData("hybrid_override_pattern", "\"ABCDEFGHIJKLMNOP\"", "\"ABCEFGJKLMNOP\"")]
    [InlineData(
        "attention_types",
        "[[[\"global\", \"local\"], 8]]",
        "[[[\"global\", \"local\", \"global\", \"global\", \"local\", \"global\", \"local\", \"global\", \"local\", \"global\", \"local\", "
            + "\"global\", \"local\"], 1]]")]
    public void Rules_by_number_mean_the_same_layers(string key, string before, string after)
    {
        Assert.Equal($"{{\"{key}\": {after}}}", Rewrite($"{{\"{key}\": {before}}}", out var changes));
        Assert.DoesNotContain(changes, c => c.IsWarning);
    }

    [Theory]
    [InlineData("sliding_window_pattern", 6, "layer_types", "\"full_attention\"", "\"sliding_attention\"")]
    [InlineData("full_attention_interval", 4, "layer_types", "\"full_attention\"", "\"linear_attention\"")]
    [InlineData("no_rope_layer_interval", 4, "no_rope_layers", "0", "1")]
    public void A_period_that_no_longer_holds_is_written_out(string key, int period, string list, string special, string usual)
    {
        var entries = string.Join(", ", Kept.Select(i => (i + 1) % period == 0 ? special : usual));
        Assert.Equal(
            $"{{\n  \"{key}\": {period},\n  \"{list}\": [{entries}],\n  \"x\": 1\n}}",
            Rewrite($"{{\n  \"{key}\": {period},\n  \"x\": 1\n}}"));
    }

    [Fact]
    public void A_period_that_still_holds_or_has_its_list_is_left_alone()
    {
        Assert.Equal("{\"sliding_window_pattern\": 1}", Rewrite("{\"sliding_window_pattern\": 1}"));
        var list = string.Join(", ", Enumerable.Range(0, 16).Select(i => $"\"{i}\""));
        var kept = string.Join(", ", Kept.Select(i => $"\"{i}\""));
        Assert.Equal(
            $"{{\"sliding_window_pattern\": 6, \"layer_types\": [{kept}]}}",
            Rewrite($"{{\"sliding_window_pattern\": 6, \"layer_types\": [{list}]}}"));
    }

    [Theory]
    [InlineData("{\"attn_layer_period\": 8, \"attn_layer_offset\": 4}", "attn_layer_period")]
    [InlineData("{\"decoder_sparse_step\": 2}", "decoder_sparse_step")]
    [InlineData("{\"moe_layer_freq\": 2}", "moe_layer_freq")]
    [InlineData("{\"interleave_moe_layer_step\": 2}", "interleave_moe_layer_step")]
    [InlineData("{\"num_hidden_layers\": 24}", "num_hidden_layers")]
    [InlineData("{\"layer_types\": [1, 2]}", "layer_types")]
    [InlineData("{\"mlp_only_layers\": [16]}", "mlp_only_layers")]
    [InlineData("{\"frobnicate_layers\": [1, 2]}", "frobnicate_layers")]
    [InlineData("{\"skip_layer\": 5}", "skip_layer")]
    [InlineData("{\"ssm_cfg\": {\"attn_layer_idx\": [1]}}", "ssm_cfg.attn_layer_idx")]
    [InlineData("{\"scale_attn_by_inverse_layer_idx\": true}", "scale_attn_by_inverse_layer_idx")]
    [InlineData("{\"quantization_config\": {\"skip\": [\"model.layers.3.mlp\", \"model.layers.4.mlp\"]}}", "quantization_config")]
    [InlineData("{\"scales\": [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]}", "scales")]
    public void What_is_not_understood_stays_and_is_named_once(string text, string key)
    {
        Assert.Equal(text, Rewrite(text, out var changes));
        var warning = Assert.Single(changes);
        Assert.True(warning.IsWarning);
        Assert.Equal(key, warning.Key);
    }

    [Theory]
    [InlineData(
        "{\"layer_norm_eps\": 1e-05, \"layernorm_epsilon\": 1, \"use_layer_norm\": true, \"layerdrop\": 0, \"multiplayer\": "
            + "3, \"layer_scale_init\": 1}")]
    [InlineData(
        "{\"scale_attn_by_inverse_layer_idx\": false, \"num_nextn_predict_layers\": 1, \"vision_feature_layer\": -2, \"player_count\": 4}")]
    [InlineData("{\"is_encoder_decoder\": true, \"architectures\": [\"x\"]}")]
    public void Keys_that_only_sound_like_layers_say_nothing(string text)
    {
        Assert.Equal(text, Rewrite(text, out var changes));
        Assert.Empty(changes);
    }

    [Fact]
    public void A_byte_order_mark_is_no_obstacle() => Assert.Equal("\uFEFF{\"n_layer\": 13}", Rewrite("\uFEFF{\"n_layer\": 16}"));

    [Theory]
    [InlineData("true", 2, "2")]
    [InlineData("2", 1, "true")]
    [InlineData("true", 0, "false")]
    [InlineData("{\"model.onnx\": 2, \"model_q4.onnx\": 1}", 1, "{\"model.onnx\": true, \"model_q4.onnx\": 1}")]
    [InlineData("{\"model\": 3}", 2, "{\"model\": 2}")]
    [InlineData("{}", 2, "{\"model.onnx\": 2}")]
    [InlineData("true", 1, "true")]
    public void The_number_of_data_files_is_told(string before, int files, string after)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["model.onnx"], "");
        var bytes = TransformersJs.Rewrite(
            Encoding.UTF8.GetBytes($"{{\"transformers.js_config\": {{\"use_external_data_format\": {before}}}}}"),
            folder["model.onnx"],
            files,
            []);
        Assert.Equal($"{{\"transformers.js_config\": {{\"use_external_data_format\": {after}}}}}", Encoding.UTF8.GetString(bytes));
    }

    private static string Rewrite(string text) => Rewrite(text, out _);

    private static string Rewrite(string text, out List<ConfigChange> changes)
    {
        changes = [];
        var bytes = ConfigFiles.Rewrite(
            "config.json",
            Encoding.UTF8.GetBytes(text),
            Books16.Plan([3, 7, 8]),
            new ModelNames("model.onnx", "model.onnx"),
            PortNames.None,
            changes);
        return Encoding.UTF8.GetString(bytes);
    }
}
