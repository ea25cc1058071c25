using OnnxMka.Planning;
using Fixture = OnnxMka.Tests.Books16;

namespace OnnxMka.Tests.Clients;

/// <summary>
/// Bare ONNX Runtime from JavaScript, in Node and in a page, with an application's own decoding loop that counts caches as config.json
/// says.
/// </summary>
public sealed class OnnxRuntimeJsTests
{
    private const int NewTokens = 16;

    [NodeFact("onnxruntime-node")]
    public void Node_prefills_and_decodes_as_our_own_loop() => SameTokens("onnxruntime-node.mjs");

    [NodeFact("onnxruntime-node")]
    public void Node_fails_without_renumbering() => FailsOnGaps("onnxruntime-node.mjs");

    [ChromiumFact]
    [Trait("Needs", "Debian")]
    public void Chromium_prefills_and_decodes_as_our_own_loop() => SameTokens("chromium.mjs");

    [ChromiumFact]
    [Trait("Needs", "Debian")]
    public void Chromium_fails_without_renumbering() => FailsOnGaps("chromium.mjs");

    private static void SameTokens(string script)
    {
        using var folder = new TempFolder();
        ClientModels.Shorten(Fixture.Folder, folder["small"], Method.Mka);
        Assert.Equal(
            ClientModels.Greedy(Path.Combine(folder["small"], "model.onnx"), NewTokens),
            ClientProcess.Tokens(script, folder["small"], NewTokens));
    }

    /// <summary>
    /// Both ignore caches too many, so a wrong number in config.json alone goes unnoticed; an input that nobody feeds does not.
    /// </summary>
    private static void FailsOnGaps(string script)
    {
        using var folder = new TempFolder();
        ClientModels.Shorten(Fixture.Folder, folder["small"]);
        ClientModels.UndoPortNumbers(Path.Combine(folder["small"], "model.onnx"));
        var run = ClientProcess.Node(script, folder["small"], ClientProcess.Count(NewTokens), ClientProcess.Ids);
        Assert.NotEqual(0, run.ExitCode);
        Assert.Contains("past_key_values.13.key", run.Errors, StringComparison.Ordinal);
    }
}
