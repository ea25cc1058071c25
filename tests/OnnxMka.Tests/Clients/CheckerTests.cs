using OnnxMka.Forge;
using OnnxMka.Planning;

namespace OnnxMka.Tests.Clients;

/// <summary>
/// ONNX's own checker on emitted models whose operators it knows (version 1.12: ONNX's own up to opset 17). It knows nothing of caches, so
/// gaps in their numbers pass; what it cannot take is a value that nothing makes.
/// </summary>
public sealed class CheckerTests
{
    [CheckerTheory]
    [Trait("Needs", "Debian")]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama), DataPlace.Inline, Method.Mka)]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama), DataPlace.OneFile, Method.Mka)]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama), DataPlace.FilePerTensor, Method.Drop)]
    [InlineData(nameof(LlamaPresets.TorchScriptFp16), DataPlace.Inline, Method.Drop)]
    [InlineData(nameof(LlamaPresets.TorchScriptOldOpset), DataPlace.Inline, Method.Mka)]
    [InlineData(nameof(LlamaPresets.TorchScriptGemm), DataPlace.Inline, Method.Mka)]
    public void Passes_and_notices_a_missing_node(string preset, DataPlace data, Method method)
    {
        using var folder = new TempFolder();
        ClientModels.Export(Presets.ByName(preset), folder["model"], data);
        ClientModels.Shorten(folder["model"], folder["small"], method);
        var model = Path.Combine(folder["small"], "model.onnx");
        ClientProcess.Succeed(ClientProcess.Python("check-onnx.py", model));
        Assert.Contains("ValidationError", ClientProcess.Python("check-onnx.py", model, "--cut").Errors, StringComparison.Ordinal);
    }
}
