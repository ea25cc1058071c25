using System.Text.Json;

namespace OnnxMka.Tests.Cli;

/// <summary>Analyses and plans that are written, read and replayed.</summary>
public sealed class ReplayTests
{
    [Fact]
    public void A_plan_made_from_a_stored_analysis_and_replayed_gives_the_same_bytes()
    {
        using var folder = new TempFolder();
        string[] calibration = ["--calib-samples", "32", "--seq-len", "32", "--quiet"];
        string[] plain = ["--no-eval", "--no-verify", "--quiet"];
        Assert.Equal(0, ToolProcess.Run(["score", Books16.Folder, "-o", folder["analysis.json"], .. calibration]).ExitCode);
        Assert.Equal(
            0,
            ToolProcess.Run(
                [
                    Books16.ModelPath, folder["direct/model.onnx"], "--ratio", "0.25", "--plan-out", folder["plan.json"], "--report",
                    folder["report.json"], .. calibration, "--no-eval", "--no-verify",
                ]).ExitCode);
        Assert.Equal(
            0,
            ToolProcess.Run(
                [
                    Books16.ModelPath, folder["stored/model.onnx"],
                    "--ratio", "0.25", "--analysis", folder["analysis.json"], .. plain,
                ]).ExitCode);
        Assert.Equal(
            0, ToolProcess.Run([Books16.ModelPath, folder["replayed/model.onnx"], "--plan", folder["plan.json"], .. plain]).ExitCode);
        var direct = File.ReadAllBytes(folder["direct/model.onnx"]);
        Assert.Equal(direct, File.ReadAllBytes(folder["stored/model.onnx"]));
        Assert.Equal(direct, File.ReadAllBytes(folder["replayed/model.onnx"]));
        using var report = JsonDocument.Parse(File.ReadAllText(folder["report.json"]));
        Assert.Equal(2, report.RootElement.GetProperty("schemaVersion").GetInt32());
        Assert.Equal(12, report.RootElement.GetProperty("layers").GetArrayLength());
        Assert.All(
            report.RootElement.GetProperty("mergedTensors").EnumerateArray(), t => Assert.True(t.GetProperty("delta").GetDouble() > 0));
    }

    [Fact]
    public void An_analysis_or_plan_of_another_model_is_refused()
    {
        using var folder = new TempFolder();
        Assert.Equal(
            0,
            ToolProcess.Run(
                Books16.ModelPath,
                folder["small.onnx"],
                "--blocks",
                "5",
                "--method",
                "drop",
                "--plan-out",
                folder["plan.json"],
                "--no-eval",
                "--no-verify",
                "--quiet").ExitCode);
        var refused = ToolProcess.Run(folder["small.onnx"], folder["again.onnx"], "--plan", folder["plan.json"], "--quiet");
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("another model", Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
    }
}
