using System.Text.Json.Nodes;
using Microsoft.ML.OnnxRuntimeGenAI;
using OnnxMka.Compensation;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Planning;
using OnnxMka.Steps.Cutting;
using OnnxMka.Steps.Searching;

namespace OnnxMka.Tests.Clients;

/// <summary>ONNX Runtime GenAI, a client that the product does not share code with, on emitted folders.</summary>
public sealed class GenAiTests
{
    private const int NewTokens = 64;

    [Theory]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama), Method.Mka)]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama), Method.Drop)]
    [InlineData(nameof(LlamaPresets.TorchScriptFp16), Method.Mka)]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqa), Method.Mka)]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqaPackedInOpRotary), Method.Mka)]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqaFp16), Method.Mka)]
    [InlineData(nameof(LlamaPresets.GenAiLlamaMha), Method.Mka)]
    [InlineData(nameof(LlamaPresets.OrtOptimizedLlamaGqa), Method.Mka)]
    [InlineData(nameof(LlamaPresets.DynamoLlama), Method.Mka)]
    [InlineData(nameof(QuantisedPresets.MatMulNBits4), Method.Drop)]
    [InlineData(nameof(QuantisedPresets.MatMulNBits4Fp16), Method.Drop)]
    [InlineData(nameof(QuantisedPresets.TorchScriptNBits4), Method.Drop)]
    public void Generates_what_our_own_step_loop_generates(string preset, Method method)
    {
        using var folder = new TempFolder();
        ClientModels.Export(Presets.ByName(preset), folder["model"]);
        ClientModels.Shorten(folder["model"], folder["small"], method);
        Assert.Equal(ClientModels.Greedy(Path.Combine(folder["small"], "model.onnx"), NewTokens), Generate(folder["small"]));
    }

    /// <summary>Its parser of JSON knows few escapes: names stand in the configuration as they are.</summary>
    [Theory]
    [InlineData("modèle.onnx")]
    [InlineData("model+q4.onnx")]
    [InlineData("bob's model.onnx")]
    public void Loads_a_model_of_any_name(string name)
    {
        using var folder = new TempFolder();
        ClientModels.Export(LlamaPresets.GenAiLlamaGqa, folder["model"]);
        File.Move(folder["model/model.onnx"], folder[$"model/{name}"]);
        var config = folder["model/genai_config.json"];
        File.WriteAllText(config, File.ReadAllText(config).Replace("model.onnx", name, StringComparison.Ordinal));
        ClientModels.Shorten(folder["model"], folder["small"]);
        Assert.Equal(ClientModels.Greedy(folder[$"small/{name}"], NewTokens), Generate(folder["small"]));
    }

    /// <summary>Narrower MLPs, and pairs of matrices in place of one.</summary>
    [Theory]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama), "self_attn", CutPart.Ranks)]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama), "self_attn", CutPart.Widths)]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqaFp16), "attn", CutPart.Ranks)]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqaFp16), "attn", CutPart.Widths)]
    public void Generates_with_a_model_that_was_cut(string preset, string attention, CutPart part)
    {
        using var folder = new TempFolder();
        ClientModels.Export(Presets.ByName(preset), folder["model"]);
        ClientModels.Cut(folder["model"], folder["small"], attention, part);
        Assert.Equal(ClientModels.Greedy(Path.Combine(folder["small"], "model.onnx"), NewTokens), Generate(folder["small"]));
    }

    /// <summary>What a search leaves: other weights, or nodes between the blocks.</summary>
    [Theory]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama))]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqaFp16))]
    public void Generates_with_the_result_of_a_search(string preset)
    {
        using var folder = new TempFolder();
        ClientModels.Export(Presets.ByName(preset), folder["model"]);
        var result = Compressor.Run(new CompressionOptions
        {
            Input = folder["model"],
            Output = new() { Path = folder["small"] },
            Recipe = RecipeOf.Steps(new Best { Blocks = ["14"] }) with { Calibration = new() { Samples = 32, Length = 16 } },
            Evaluate = false,
            Check = true,
        });
        Assert.NotEqual(CompensationReport.None, result.Told<CompensationReport>()!.Kind);
        Assert.All(result.Verdicts, v => Assert.True(v.Passed, v.Check));
        Assert.Equal(ClientModels.Greedy(Path.Combine(folder["small"], "model.onnx"), NewTokens), Generate(folder["small"]));
    }

    /// <summary>
    /// Caches are numbered densely and configuration counts them, so a model whose layers lost halves is one like any other.
    /// </summary>
    [Theory]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama), false)]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqa), false)]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqa), true)]
    public void Generates_with_a_model_without_some_halves(string preset, bool pipeline)
    {
        using var folder = new TempFolder();
        ClientModels.Export(Presets.ByName(preset), folder["model"]);
        if (pipeline) MakePipeline(folder["model"]);
        ClientModels.Halve(folder["model"], folder["small"]);
        Assert.Equal(ClientModels.Greedy(Path.Combine(folder["small"], "model.onnx"), NewTokens), Generate(folder["small"]));
        Assert.Contains(
            "\"num_hidden_layers\": 13", File.ReadAllText(Path.Combine(folder["small"], "config.json")), StringComparison.Ordinal);
    }

    /// <summary>
    /// GenAI's plain decoder finds the caches in the graph by itself: it takes gaps in their numbers, and does not mind a wrong number of
    /// layers. Its pipelines do not: they count from 0 to the number in the configuration, and know ports only from the lists in it.
    /// </summary>
    [Fact]
    public void Pipelines_run_as_written_and_fail_without_renumbering_or_without_the_new_configuration()
    {
        using var folder = new TempFolder();
        ClientModels.Export(LlamaPresets.GenAiLlamaGqa, folder["model"]);
        MakePipeline(folder["model"]);
        ClientModels.Shorten(folder["model"], folder["small"]);
        var config = Path.Combine(folder["small"], "genai_config.json");
        var model = Path.Combine(folder["small"], "model.onnx");
        Assert.Equal(ClientModels.Greedy(model, NewTokens), Generate(folder["small"]));

        var patched = File.ReadAllText(config);
        File.Copy(Path.Combine(folder["model"], "genai_config.json"), config, overwrite: true);
        Assert.Contains(
            "present.12.key", Assert.Throws<OnnxRuntimeGenAIException>(() => Generate(folder["small"])).Message, StringComparison.Ordinal);
        File.WriteAllText(config, patched);
        ClientModels.UndoPortNumbers(model);
        Assert.Contains(
            "present.3.key", Assert.Throws<OnnxRuntimeGenAIException>(() => Generate(folder["small"])).Message, StringComparison.Ordinal);
    }

    /// <summary>One stage that lists all ports of the model by name.</summary>
    private static void MakePipeline(string folder)
    {
        var path = Path.Combine(folder, "genai_config.json");
        var config = JsonNode.Parse(File.ReadAllBytes(path))!;
        config["model"]!["type"] = "decoder-pipeline";
        var decoder = config["model"]!["decoder"]!.AsObject();
        decoder.Remove("filename");
        var graph = OnnxModel.Load(Path.Combine(folder, "model.onnx")).Graph;
        decoder["pipeline"] = new JsonArray(new JsonObject
        {
            ["decoder"] = new JsonObject
            {
                ["filename"] = "model.onnx",
                ["inputs"] = Names(graph.Inputs),
                ["outputs"] = Names(graph.Outputs),
            },
        });
        File.WriteAllText(path, config.ToJsonString());

        static JsonArray Names(IEnumerable<ValueInfo> ports) => [.. ports.Select(p => (JsonNode)p.Name)];
    }

    private static int[] Generate(string folder)
    {
        using var model = new Model(folder);
        using var options = new GeneratorParams(model);
        options.SetSearchOption("max_length", Books16.Prompt.Length + NewTokens);
        options.SetSearchOption("min_length", Books16.Prompt.Length + NewTokens);
        options.SetSearchOption("do_sample", false);
        using var generator = new Generator(model, options);
        generator.AppendTokens(Books16.Prompt);
        while (!generator.IsDone()) generator.GenerateNextToken();
        return generator.GetSequence(0)[Books16.Prompt.Length..].ToArray();
    }
}
