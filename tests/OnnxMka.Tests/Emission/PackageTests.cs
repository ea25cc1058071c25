using OnnxMka.Forge;
using OnnxMka.Jobs;
using OnnxMka.Tests.Clients;

namespace OnnxMka.Tests.Emission;

/// <summary>Folders whose configuration is not at the top: never a shorter model beside a number of layers that it has not.</summary>
public sealed class PackageTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("cpu")]
    [InlineData("cpu", "cuda")]
    public void A_package_is_refused_by_its_variants_and_one_of_them_is_a_model(params string[] variants)
    {
        foreach (var variant in variants) ClientModels.Export(LlamaPresets.GenAiLlamaGqa, _folder[$"in/decoder/{variant}"]);
        File.WriteAllText(_folder["in/manifest.json"], "{\"schema_version\": \"1.0\", \"components\": {\"decoder\": \"decoder\"}}");
        var refusal = Assert.Throws<RefusedException>(() => Shorten("in")).Refusal;
        var places = string.Join(", ", variants.Select(v => Path.Combine("decoder", v)));
        Assert.Equal(("MKA050", $"it is a model package, with configuration of its own in {places}"), (refusal.Code, refusal.What));
        Shorten(Path.Combine("in", "decoder", variants[^1]));
        foreach (var file in new[] { "config.json", "genai_config.json" })
            Assert.Contains("\"num_hidden_layers\": 12", File.ReadAllText(_folder[$"out/{file}"]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_manifest_of_something_else_is_a_file_like_others()
    {
        ClientModels.Export(LlamaPresets.GenAiLlamaGqa, _folder["in"]);
        File.WriteAllText(_folder["in/manifest.json"], "{\"name\": \"an app\"}");
        Shorten("in");
        Assert.True(File.Exists(_folder["out/manifest.json"]));
    }

    [Fact]
    public void A_variant_that_needs_files_of_its_package_is_refused()
    {
        ClientModels.Export(LlamaPresets.GenAiLlamaGqa, _folder["in"]);
        var config = _folder["in/genai_config.json"];
        File.WriteAllText(
            config, File.ReadAllText(config).Replace("\"type\":", "\"tokenizer\": \"sha256:00ff\", \"type\":", StringComparison.Ordinal));
        var refusal = Assert.Throws<RefusedException>(() => Shorten("in")).Refusal;
        Assert.Equal("MKA050", refusal.Code);
        Assert.Contains("model.tokenizer", refusal.What, StringComparison.Ordinal);
    }

    /// <summary>The only model of the folder lies deeper, and its configuration beside it.</summary>
    [Fact]
    public void Configuration_beside_the_model_is_the_models()
    {
        ClientModels.Export(LlamaPresets.GenAiLlamaGqa, _folder["in/int4/cpu"]);
        var emitted = Shorten("in").Emitted!;
        foreach (var file in new[] { "config.json", "genai_config.json" })
            Assert.Contains("\"num_hidden_layers\": 12", File.ReadAllText(_folder[$"out/int4/cpu/{file}"]), StringComparison.Ordinal);
        Assert.Contains(
            "\"filename\": \"model.onnx\"", File.ReadAllText(_folder["out/int4/cpu/genai_config.json"]), StringComparison.Ordinal);
        Assert.DoesNotContain(emitted.ConfigChanges, c => c.IsWarning);
        Assert.Equal(Path.Combine("int4", "cpu", "config.json"), emitted.ConfigChanges[0].File);
    }

    [Fact]
    public void Several_models_and_none_of_the_name_that_configuration_has_is_said_so()
    {
        ClientModels.Export(LlamaPresets.GenAiLlamaGqa, _folder["in"]);
        File.Copy(_folder["in/model.onnx"], _folder["in/b.onnx"]);
        File.Move(_folder["in/model.onnx"], _folder["in/a.onnx"]);
        Assert.Contains(
            "and not model.onnx, which genai_config.json names",
            Assert.Throws<RefusedException>(() => Shorten("in")).Message,
            StringComparison.Ordinal);
    }

    private CompressionResult Shorten(string input) => Compressor.Run(new CompressionOptions
    {
        Input = _folder[input],
        Output = new() { Path = _folder["out"] },
        Recipe = RecipeOf.Drop(ClientModels.Removed),
        Evaluate = false,
        Verify = false,
    });
}
