using System.Diagnostics;
using System.Text;
using System.Text.Json;
using OnnxMka.Emission;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Json;
using OnnxMka.Rewriting;

namespace OnnxMka.Tests.Emission;

/// <summary>Configuration beside a model is as untrusted as the model: a new text that is JSON, or a refusal.</summary>
public sealed class HostileConfigurationTests : IDisposable
{
    private const string Hub = """
        {"num_hidden_layers": 16, "layer_types": ["a"], "max_window_layers": 3, "num_kv_shared_layers": 2,
         "sliding_window_pattern": 6, "mlp_only_layers": [1, 2],
          "hybrid_override_pattern": "MMMMMMMMMMMMMMMM", "attention_types": [[["global", "local"], 8]],
          "attn_layer_period": 4, "attn_layer_offset": 1,
          "text_config": {"n_layer": 16, "quantized": ["model.layers.7.mlp"]},
          "transformers.js_config": {"use_external_data_format": {"model.onnx": 1}}, "bos_token_id": 0, "max_position_embeddings": 512}
        """;

    private const string GenAi = """
        {"model": {"decoder": {"filename": "model.onnx", "num_hidden_layers": 16, "sliding_window": {"layers": [0, 3]},
         "layer_types": ["a"],
         "shared_initializers": [{"name": "w", "offset": 0, "length": 4, "data_file": "d"}],
         "pipeline": [{"one": {"filename": "model.onnx", "inputs": ["past_key_values.3.key"], "outputs": ["logits"]}}]}}}
        """;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("config.json", Hub)]
    [InlineData("genai_config.json", GenAi)]
    public void Any_value_of_any_type_gives_json_or_a_refusal(string file, string text)
    {
        var refused = 0;
        var ports = PortNames.Of(Books16.Map.Model, ModelRewriter.Apply(Books16.Map, Books16.Plan([3, 7, 8])));
        foreach (var (what, damaged) in JsonDamage.Of(text))
        {
            File.WriteAllText(_folder[file], damaged);
            try
            {
                var after = ConfigFiles.Rewrite(
                    file, Encoding.UTF8.GetBytes(damaged), Books16.Plan([3, 7, 8]), new ModelNames("model.onnx", "model.onnx"), ports, []);
                if (file == "config.json") after = TransformersJs.Rewrite(after, Books16.ModelPath, 2, []);
                JsonDocument.Parse(after).Dispose();
                _ = ModelConfig.Of(new ModelLocation(_folder["model.onnx"], _folder.FullPath, true));
                if (file == "genai_config.json") _ = Assert.Throws<RefusedException>(() => ModelLocation.Find(_folder.FullPath));
            }
            catch (RefusedException)
            {
                refused++;
            }
            catch (Exception e) when (e is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"{what}: {e}");
            }
        }

        // Values in place of the whole are refused where they are no object: 13 of 15. No other one makes this JSON unreadable; stages may
        // be another file's.
        Assert.InRange(refused, 13, 40);
    }

    [Theory]
    [InlineData("{\"num_hidden_layers\": 16")]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{} {}")]
    [InlineData("{\"\\ud800\": 1}")]
    public void What_is_no_object_is_refused(string text) => Assert.Equal("MKA051", Refused(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void Bytes_that_are_no_text_and_structures_beyond_any_configuration_are_refused()
    {
        Assert.Equal("MKA051", Refused([.. "{\"a\": \""u8, 0xFF, .. "\"}"u8]));
        Assert.Equal("MKA051", Refused(Encoding.UTF8.GetBytes($"{{\"a\": [{string.Concat(Enumerable.Repeat("0,", 1_000_000))}0]}}")));
        // A long key above many values would be written out in the path of each.
        var values = string.Join(',', Enumerable.Range(0, 10_000).Select(i => $"\"{i}\": 0"));
        Assert.Equal(
            "MKA051",
            Refused(
                Encoding.UTF8.GetBytes($"{{\"{new string('k', 100_000)}\": {{{values}}}}}")));
        Assert.Equal("MKA051", Refused(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", 10_000)))));
        File.WriteAllText(_folder["config.json"], $"{{\"a\": \"{new string('x', 5_000_000)}\"}}");
        Assert.Contains(
            "at most 4,194,304",
            Assert.Throws<InputFileException>(() => JsonText.Read(_folder["config.json"])).Message,
            StringComparison.Ordinal);
        JsonText.Parse(Encoding.UTF8.GetBytes($"{{\"a\": [{string.Concat(Enumerable.Repeat("0,", 100_000))}0]}}"), "the control");
    }

    [Fact]
    public void A_pattern_that_repeats_nothing_two_billion_times_ends_at_once()
    {
        var clock = Stopwatch.StartNew();
        ConfigFiles.Rewrite(
            "config.json",
            "{\"attention_types\": [[[], 2147483647]]}"u8.ToArray(),
            Books16.Plan([3]),
            new ModelNames("m", "m"),
            PortNames.None,
            []);
        // Two billion turns of the loop take over a second; none takes microseconds.
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 1);
    }

    [Theory]
    [InlineData("max_window_layers")]
    [InlineData("num_kv_shared_layers")]
    public void A_negative_number_of_layers_stays(string key)
    {
        var text = Encoding.UTF8.GetBytes($"{{\"{key}\": -1}}");
        Assert.Equal(text, ConfigFiles.Rewrite("config.json", text, Books16.Plan([3]), new ModelNames("m", "m"), PortNames.None, []));
    }

    [Theory]
    [InlineData("../model.onnx")]
    [InlineData("/etc/hostname")]
    [InlineData("a\\u0000b")]
    [InlineData("sub/../../x.onnx")]
    public void A_decoder_outside_the_folder_is_refused(string name)
    {
        File.Copy(Books16.ModelPath, _folder["model.onnx"]);
        File.WriteAllText(_folder["genai_config.json"], $"{{\"model\": {{\"decoder\": {{\"filename\": \"{name}\"}}}}}}");
        Assert.Equal("MKA050", Assert.Throws<RefusedException>(() => ModelLocation.Find(_folder.FullPath)).Refusal.Code);
    }

    private static string Refused(byte[] bytes) => Assert.Throws<RefusedException>(() => JsonText.Parse(bytes, "config.json")).Refusal.Code;
}
