using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Tests.Clients;

namespace OnnxMka.Tests.Emission;

/// <summary>Folder in, folder out: what goes along, what is changed, what is refused.</summary>
public sealed class FolderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Everything_goes_along_byte_for_byte_but_the_model_and_its_configuration()
    {
        MakeHubFolder();
        Put("chat_template.jinja", "{{ x }}");
        Put("preprocessor_config.json", "{ \"num_layers\" : 3 }");
        Put("LICENSE", "terms");
        Put("notes/unknown.bin", "\0\u0001");
        File.Copy(Books16.ModelPath, _folder["in/onnx/embed_tokens.onnx"]);
        var emitted = Shorten().Emitted!;
        var changed = new[] { "config.json", Path.Combine("onnx", "model.onnx"), Path.Combine("onnx", "model.onnx_data") };
        Assert.Equal(Files("in"), Files("out"));
        foreach (var file in Files("in").Except(changed))
            Assert.Equal(File.ReadAllBytes(_folder[$"in/{file}"]), File.ReadAllBytes(_folder[$"out/{file}"]));
        Assert.Equal("preprocessor_config.json", Assert.Single(emitted.ConfigChanges, c => c.IsWarning).File);
    }

    [Fact]
    public void The_fixture_changes_as_the_readme_shows()
    {
        Compressor.Run(new CompressionOptions
        {
            Input = Books16.Folder,
            Output = new() { Path = _folder["out"] },
            Recipe = RecipeOf.DropTail(6),
            Evaluate = false,
            Verify = false,
        });
        var readme = File.ReadAllText(Path.Combine(Books16.Root, "README.md"));
        foreach (var (file, line) in new[] { ("config.json", 10), ("genai_config.json", 29) })
        {
            var (before, after) = (File.ReadAllLines(Path.Combine(Books16.Folder, file)), File.ReadAllLines(_folder[$"out/{file}"]));
            var changed = Assert.Single(Enumerable.Range(0, before.Length), i => before[i] != after[i]);
            Assert.Equal(line, changed + 1);
            Assert.Contains($"/{file}\n@@ -{line} +{line} @@\n-{before[changed]}\n+{after[changed]}\n", readme, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_result_beside_its_original_is_told_that_the_configuration_is_not_its_own()
    {
        ClientModels.Export(LlamaPresets.GenAiLlamaGqa, _folder["in"]);
        var emitted = Compressor.Run(Dropping("in/model.onnx", "in/small.onnx")).Emitted!;
        Assert.Equal(["config.json", "genai_config.json"], emitted.ConfigChanges.Where(c => c.IsWarning).Select(c => c.File));
    }

    [Fact]
    public void A_configuration_without_a_known_count_is_told()
    {
        MakeHubFolder();
        var config = _folder["in/config.json"];
        File.WriteAllText(config, File.ReadAllText(config).Replace("num_hidden_layers", "depth", StringComparison.Ordinal));
        Assert.Contains(Shorten().Emitted!.ConfigChanges, c => c is { IsWarning: true, Key: "the number of layers" });
    }

    [Fact]
    public void The_same_network_at_another_precision_is_left_out_and_told()
    {
        MakeHubFolder();
        Put("onnx/model_q4.onnx", "an older shape of the same");
        Put("onnx/model_q4.onnx_data", "its data");
        var emitted = Shorten().Emitted!;
        Assert.DoesNotContain(Files("out"), f => f.Contains("q4", StringComparison.Ordinal));
        Assert.Contains(emitted.ConfigChanges, c => c.IsWarning && c.File.EndsWith("model_q4.onnx", StringComparison.Ordinal));
    }

    [Fact]
    public void A_model_that_lies_in_the_same_data_file_is_refused()
    {
        MakeHubFolder();
        File.Copy(_folder["in/onnx/model.onnx"], _folder["in/onnx/heads.onnx"]);
        Assert.Equal("MKA054", Assert.Throws<RefusedException>(Shorten).Refusal.Code);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact]
    public void Data_that_move_out_of_the_model_are_told_to_transformers_js()
    {
        ClientModels.ExportForHub(LlamaPresets.TorchScriptLlama, _folder["in"], DataPlace.Inline, "");
        var config = _folder["in/config.json"];
        File.WriteAllText(
            config, File.ReadAllText(config).Replace("{\n", "{\n  \"transformers.js_config\": { },\n", StringComparison.Ordinal));
        Compressor.Run(new CompressionOptions
        {
            Input = _folder["in"],
            Output = new() { Path = _folder["out"], ForceExternalData = true },
            Recipe = RecipeOf.Drop(ClientModels.Removed),
            Evaluate = false,
        });
        Assert.Contains(
            "\"transformers.js_config\": {\"use_external_data_format\": {\"model.onnx\": 1} }",
            File.ReadAllText(_folder["out/config.json"]),
            StringComparison.Ordinal);
        Assert.True(File.Exists(_folder["out/onnx/model.onnx_data"]));
    }

    [Fact]
    public void Offsets_of_shared_initializers_are_those_of_the_new_data_file()
    {
        ClientModels.Export(LlamaPresets.GenAiLlamaGqa, _folder["in"], DataPlace.OneFile);
        var table = OnnxModel.Load(_folder["in/model.onnx"]).Graph.Initializers.Values.MaxBy(t => t.ByteLength)!;
        Configure(decoder => decoder["shared_initializers"] = new JsonArray(
            new JsonObject
            {
                ["name"] = table.Name,
                ["data_file"] = table.Location,
                ["offset"] = ((FileRange)table.Content).Offset,
                ["length"] = table.ByteLength,
                ["shape"] = new JsonArray(2048, 128),
            }));
        Shorten();
        var shared = JsonNode.Parse(File.ReadAllBytes(_folder["out/genai_config.json"]))!["model"]!["decoder"]!["shared_initializers"]![0]!;
        var moved = OnnxModel.Load(_folder["out/model.onnx"]).Graph.Initializers[table.Name];
        Assert.NotEqual(((FileRange)table.Content).Offset, (long)shared["offset"]!);
        Assert.Equal(moved.Location, (string?)shared["data_file"]);
        Assert.Equal(
            Bytes(_folder["in/model.onnx.data"], ((FileRange)table.Content).Offset, table.ByteLength),
            Bytes(_folder["out/model.onnx.data"], (long)shared["offset"]!, (long)shared["length"]!));
    }

    [Fact]
    public void A_shared_initializer_that_is_gone_is_refused()
    {
        ClientModels.Export(LlamaPresets.GenAiLlamaGqa, _folder["in"], DataPlace.OneFile);
        Configure(
            decoder => decoder["shared_initializers"] = new JsonArray(
                new JsonObject { ["name"] = "no.such.weight", ["data_file"] = "model.onnx.data", ["offset"] = 0, ["length"] = 4 }));
        Assert.Equal("MKA053", Assert.Throws<RefusedException>(Shorten).Refusal.Code);
    }

    [Fact]
    public void A_pipeline_with_the_same_layers_in_another_file_is_refused()
    {
        ClientModels.Export(LlamaPresets.GenAiLlamaGqa, _folder["in"]);
        Configure(decoder => decoder["pipeline"] = new JsonArray(new JsonObject
        {
            ["iterator"] = new JsonObject
            {
                ["filename"] = "iterator.onnx",
                ["inputs"] = new JsonArray("past_key_values.15.key"),
                ["outputs"] = new JsonArray("logits"),
            },
        }));
        var refusal = Assert.Throws<RefusedException>(Shorten).Refusal;
        Assert.Equal("MKA052", refusal.Code);
        Assert.Contains("iterator", refusal.What, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_of_the_decoder_that_mention_layers_are_patched_or_named()
    {
        ClientModels.Export(LlamaPresets.GenAiLlamaGqa, _folder["in"]);
        Configure(decoder =>
        {
            decoder["layer_types"] = new JsonArray([.. Enumerable.Range(0, 16).Select(i => (JsonNode)$"t{i}")]);
            decoder["odd_layers"] = new JsonArray(1, 3);
        });
        var warnings = Shorten().Emitted!.ConfigChanges.Where(c => c.IsWarning);
        Assert.Equal("model.decoder.odd_layers", Assert.Single(warnings).Key);
        var types = JsonNode.Parse(File.ReadAllBytes(_folder["out/genai_config.json"]))!["model"]!["decoder"]!["layer_types"]!.AsArray();
        Assert.Equal(Enumerable.Range(0, 16).Except(ClientModels.Removed).Select(i => $"t{i}"), types.Select(t => (string)t!));
    }

    private static byte[] Bytes(string file, long offset, long length) =>
        File.ReadAllBytes(file).AsSpan((int)offset, (int)length).ToArray();

    private void MakeHubFolder() => ClientModels.ExportForHub(LlamaPresets.TorchScriptLlama, _folder["in"], DataPlace.OneFile, "");

    private CompressionResult Shorten() => Compressor.Run(Dropping("in", "out"));

    private CompressionOptions Dropping(string input, string output) => new()
    {
        Input = _folder[input],
        Output = new() { Path = _folder[output] },
        Recipe = RecipeOf.Drop(ClientModels.Removed),
        Evaluate = false,
        Verify = false,
    };

    private void Configure(Action<JsonObject> change)
    {
        var path = _folder["in/genai_config.json"];
        var config = JsonNode.Parse(File.ReadAllBytes(path))!;
        change(config["model"]!["decoder"]!.AsObject());
        File.WriteAllText(path, config.ToJsonString(JsonSerializerOptions.Default));
    }

    private void Put(string file, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder[$"in/{file}"])!);
        File.WriteAllText(_folder[$"in/{file}"], text);
    }

    private IEnumerable<string> Files(string root) =>
        Directory.GetFiles(_folder[root], "*", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(_folder[root], f))
            .Order(StringComparer.Ordinal);
}
