using System.Text.Json;
using OnnxMka.Forge;

namespace OnnxMka.Tests.Cli;

/// <summary>What a removal does that says no more than how much goes.</summary>
public sealed class DefaultTests
{
    private static readonly string[] Few = ["--calib-samples", "32", "--seq-len", "16", "--no-eval", "--ep", "cpu", "--quiet"];

    [Fact]
    public void What_is_left_is_refitted()
    {
        using var folder = new TempFolder();
        string[] small = ["--calib-ids", SmallDecoder.Write(SmallDecoder.Map, folder["in"]).Recipe.Calibration.IdsFile!, .. Few];
        var run = ToolProcess.RunAsTyped([folder["in"], folder["out"], "--blocks", "3", "--report", folder["r.json"], .. small]);
        Assert.Equal((0, ""), (run.ExitCode, run.Errors));
        Assert.Equal("refit", Report(folder["r.json"]).GetProperty("compensation").GetProperty("kind").GetString());
        Assert.Contains("merged, refit", run.Output, StringComparison.Ordinal);
        // The paper's bare method is one word away.
        var bare = ToolProcess.RunAsTyped([folder["in"], folder["bare"], "--blocks", "3", "--compensate", "none", .. small]);
        Assert.Equal((0, ""), (bare.ExitCode, bare.Errors));
        Assert.NotEqual(File.ReadAllBytes(folder["out/model.onnx"]), File.ReadAllBytes(folder["bare/model.onnx"]));
    }

    [Fact]
    public void Without_text_nothing_is_refitted_and_that_is_said()
    {
        using var folder = new TempFolder();
        SmallDecoder.Write(SmallDecoder.Map, folder["in"]);
        var run = ToolProcess.RunAsTyped(folder["in"], folder["out"], "--blocks", "2", "--no-eval", "--ep", "cpu", "--alpha", "0.6");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("no refit: there is no text to fit to", run.Errors, StringComparison.Ordinal);
        Assert.Contains("no refit: there is no text to fit to", run.Output, StringComparison.Ordinal);
        // Asked for by name it is refused.
        var asked = ToolProcess.RunAsTyped(
            folder["in"], folder["other"], "--blocks", "2", "--no-eval", "--ep", "cpu", "--alpha", "0.6", "--compensate", "refit");
        Assert.Equal(3, asked.ExitCode);
        Assert.Contains("MKA038", asked.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_nothing_can_merge_blocks_are_dropped_and_that_is_said()
    {
        using var folder = new TempFolder();
        DecoderForge.WriteFolder(Presets.ByName("MatMulNBits4").Model(), folder["in"]);
        var ids = folder["ids.jsonl"];
        File.WriteAllLines(
            ids,
            Enumerable.Range(0, 80).Select(
                i => $"[{string.Join(',', Enumerable.Range(0, 8).Select(t => ((i * 29) + (t * t * 5)) % 50))}]"));
        string[] common =
        [
            "--layers-removed", "1", "--calib-ids", ids, "--calib-samples", "32", "--seq-len", "8", "--no-eval", "--ep", "cpu",
            "--compensate", "none",
        ];
        var run = ToolProcess.RunAsTyped([folder["in"], folder["out"], .. common]);
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("nothing is merged, blocks are dropped: a block's weights", run.Output, StringComparison.Ordinal);
        Assert.Contains("1 dropped", run.Output, StringComparison.Ordinal);
        var asked = ToolProcess.RunAsTyped([folder["in"], folder["asked"], "--method", "mka", .. common]);
        Assert.Equal(3, asked.ExitCode);
        Assert.Contains("MKA040", asked.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_search_by_size_and_a_plan_say_all_themselves()
    {
        using var folder = new TempFolder();
        string[] small = ["--calib-ids", SmallDecoder.Write(SmallDecoder.Map, folder["in"]).Recipe.Calibration.IdsFile!, .. Few];
        Assert.Equal(
            0,
            ToolProcess.RunAsTyped(
                [folder["in"], folder["a"], "--blocks", "3", "--compensate", "none", "--plan-out", folder["p.json"], .. small]).ExitCode);
        var replay = ToolProcess.RunAsTyped([folder["in"], folder["b"], "--plan", folder["p.json"], .. small]);
        Assert.Equal((0, ""), (replay.ExitCode, replay.Errors));
        Assert.Equal(File.ReadAllBytes(folder["a/model.onnx"]), File.ReadAllBytes(folder["b/model.onnx"]));
    }

    private static JsonElement Report(string path) => JsonDocument.Parse(File.ReadAllBytes(path)).RootElement;
}
