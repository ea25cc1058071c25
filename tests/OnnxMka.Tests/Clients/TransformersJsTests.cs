using System.Text.Json;
using OnnxMka.Forge;
using OnnxMka.Steps.Cutting;

namespace OnnxMka.Tests.Clients;

/// <summary>
/// transformers.js in Node on emitted folders, from disk alone: it takes names and number of the caches from config.json.
/// </summary>
public sealed class TransformersJsTests
{
    private const int NewTokens = 32;

    private const string Text = "It was a cold and";

    [NodeTheory("@huggingface/transformers")]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama), DataPlace.Inline, "", "fp32")]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama), DataPlace.OneFile, "", "fp32")]
    [InlineData(nameof(LlamaPresets.TorchScriptFp16FloatPorts), DataPlace.OneFile, "_fp16", "fp16")]
    [InlineData(nameof(QuantisedPresets.TorchScriptNBits4), DataPlace.Inline, "_q4", "q4")]
    public void Generates_what_our_own_step_loop_generates(string preset, DataPlace data, string suffix, string dtype)
    {
        using var folder = new TempFolder();
        ClientModels.ExportForHub(Presets.ByName(preset), folder["model"], data, suffix);
        ClientModels.Shorten(folder["model"], folder["small"]);
        var answer = Generate(folder["small"], dtype);
        Assert.Equal(
            ClientModels.Greedy(Path.Combine(folder["small"], "onnx", $"model{suffix}.onnx"), NewTokens, answer.Prompt), answer.Tokens);
    }

    [NodeFact("@huggingface/transformers")]
    public void Generates_with_a_model_without_some_halves()
    {
        using var folder = new TempFolder();
        ClientModels.ExportForHub(LlamaPresets.TorchScriptLlama, folder["model"], DataPlace.Inline, "");
        ClientModels.Halve(folder["model"], folder["small"]);
        var answer = Generate(folder["small"], "fp32");
        Assert.Equal(ClientModels.Greedy(Path.Combine(folder["small"], "onnx", "model.onnx"), NewTokens, answer.Prompt), answer.Tokens);
    }

    [NodeTheory("@huggingface/transformers")]
    [InlineData(CutPart.Ranks)]
    [InlineData(CutPart.Widths)]
    public void Generates_with_a_model_that_was_cut(CutPart part)
    {
        using var folder = new TempFolder();
        ClientModels.ExportForHub(LlamaPresets.TorchScriptLlama, folder["model"], DataPlace.Inline, "");
        ClientModels.Cut(folder["model"], folder["small"], "self_attn", part);
        var answer = Generate(folder["small"], "fp32");
        Assert.Equal(ClientModels.Greedy(Path.Combine(folder["small"], "onnx", "model.onnx"), NewTokens, answer.Prompt), answer.Tokens);
    }

    /// <summary>
    /// Caches too many in config.json are made and then ignored; a number that is missing in the middle is an input that nobody feeds.
    /// </summary>
    [NodeFact("@huggingface/transformers")]
    public void Fails_without_renumbering()
    {
        using var folder = new TempFolder();
        ClientModels.ExportForHub(LlamaPresets.TorchScriptLlama, folder["model"], DataPlace.Inline, "");
        ClientModels.Shorten(folder["model"], folder["small"]);
        ClientModels.UndoPortNumbers(Path.Combine(folder["small"], "onnx", "model.onnx"));
        Assert.Contains("past_key_values.13.key", Run(folder["small"], "fp32").Errors, StringComparison.Ordinal);
    }

    /// <summary>The number of data files in config.json decides which are loaded.</summary>
    [NodeFact("@huggingface/transformers")]
    public void Fails_where_the_configuration_does_not_tell_of_new_data_files()
    {
        using var folder = new TempFolder();
        ClientModels.ExportForHub(LlamaPresets.TorchScriptLlama, folder["model"], DataPlace.OneFile, "");
        ClientModels.Shorten(folder["model"], folder["small"]);
        var config = Path.Combine(folder["small"], "config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"model.onnx\": 1", "\"model.onnx\": 2", StringComparison.Ordinal));
        Assert.Contains("model.onnx_data_1", Run(folder["small"], "fp32").Errors, StringComparison.Ordinal);
    }

    private static Answer Generate(string folder, string dtype) =>
        JsonSerializer.Deserialize<Answer>(ClientProcess.Succeed(Run(folder, dtype)), JsonSerializerOptions.Web)!;

    private static ToolResult Run(string folder, string dtype) =>
        ClientProcess.Node("transformers-js.mjs", folder, ClientProcess.Count(NewTokens), Text, dtype);

    private sealed record Answer(int[] Prompt, int[] Tokens, string Text);
}
