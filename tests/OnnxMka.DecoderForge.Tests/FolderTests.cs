using System.Text.Json.Nodes;
using OnnxMka.Graph;

namespace OnnxMka.Forge.Tests;

public sealed class FolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("forge-").FullName;

    public static TheoryData<string> Names => [.. Presets.All.Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_graph_library_reads_every_preset(string name)
    {
        var model = Presets.ByName(name).Model();
        DecoderForge.WriteFolder(model, _folder);
        var read = OnnxModel.Load(Path.Combine(_folder, "model.onnx"));
        Assert.NotEmpty(read.Graph.Nodes);
        Assert.All(read.AllTensors(), t => Assert.True(t.ByteLength >= 0));
    }

    [Theory]
    [InlineData(nameof(LlamaPresets.TorchScriptFilePerTensor), "onnx__MatMul_1123")]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqaPackedInOpRotary), "model.onnx.data")]
    public void Weights_beside_the_model_are_the_same_weights(string name, string file)
    {
        var model = Presets.ByName(name).Model();
        DecoderForge.WriteFolder(model, _folder);
        Assert.True(File.Exists(Path.Combine(_folder, file)));
        using var session = new DecoderSession(Path.Combine(_folder, "model.onnx"));
        Assert.Equal(Runs.Prefill(model), Runs.Prefill(session, Runs.Tokens(model)));
    }

    [Fact]
    public void Config_counts_the_blocks_and_lists_what_differs()
    {
        DecoderForge.WriteFolder(MixedPresets.SlidingAlternating.Model().Without(0), _folder);
        var config = Json("config.json");
        Assert.Equal(5, (int)config["num_hidden_layers"]!);
        Assert.Equal(
            ["sliding_attention", "full_attention", "sliding_attention", "full_attention", "sliding_attention"],
            config["layer_types"]!.AsArray().Select(t => (string)t!));
        var decoder = Json("genai_config.json")["model"]!["decoder"]!;
        Assert.Equal(5, (int)decoder["num_hidden_layers"]!);
        Assert.Equal([0, 2, 4], decoder["sliding_window"]!["layers"]!.AsArray().Select(l => (int)l!));
    }

    [Fact]
    public void Gpt2_counts_its_blocks_under_its_own_key()
    {
        DecoderForge.WriteFolder(LayerNormPresets.Gpt2OrtFused.Model(), _folder);
        Assert.Equal(4, (int)Json("config.json")["n_layer"]!);
        Assert.Equal("past_%d", (string)Json("genai_config.json")["model"]!["decoder"]!["inputs"]!["past_names"]!);
    }

    [Fact]
    public void Models_without_cache_have_no_genai_config()
    {
        DecoderForge.WriteFolder(LlamaPresets.TorchScriptLlamaNoCache.Model(), _folder);
        Assert.False(File.Exists(Path.Combine(_folder, "genai_config.json")));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private JsonNode Json(string file) => JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, file)))!;
}
