using System.Text.Json;

namespace OnnxMka.Tests.Cli;

/// <summary>The command as a user runs it: exit codes, one line on stderr, nothing left behind.</summary>
public sealed class ExitCodeTests
{
    [Theory]
    [InlineData(2, "--ratio is 1.5", "IN", "OUT", "--ratio", "1.5")]
    [InlineData(2, "--ratio is NaN", "IN", "OUT", "--ratio", "NaN")]
    [InlineData(2, "--ratio is -0.1", "IN", "OUT", "--ratio", "-0.1")]
    [InlineData(2, "exactly one of", "IN", "OUT", "--ratio", "0.4", "--layers-removed", "3")]
    [InlineData(2, "exactly one of", "IN", "OUT")]
    [InlineData(2, "Name the output", "IN", "--ratio", "0.4")]
    [InlineData(2, "'x' is no block number", "IN", "OUT", "--blocks", "3,x")]
    [InlineData(2, "--alpha is 1.2", "IN", "OUT", "--ratio", "0.4", "--alpha", "1.2")]
    [InlineData(2, "--calib-samples is 8", "IN", "OUT", "--ratio", "0.4", "--calib-samples", "8")]
    [InlineData(2, "--method 1: give one of mka, drop, best", "IN", "OUT", "--ratio", "0.4", "--method", "1")]
    [InlineData(2, "--run all: give one of whole, chain", "IN", "OUT", "--ratio", "0.4", "--run", "all")]
    [InlineData(2, "There is no option --no-such-option", "IN", "OUT", "--ratio", "0.4", "--no-such-option")]
    [InlineData(1, "there is no such file", "missing.onnx", "OUT", "--ratio", "0.4")]
    [InlineData(1, "is the input itself", "IN", "IN", "--ratio", "0.4")]
    [InlineData(1, "CUDA was asked for", "IN", "OUT", "--ratio", "0.4", "--ep", "cuda")]
    [InlineData(3, "MKA001", "TEXT", "OUT", "--ratio", "0.4")]
    [InlineData(3, "only 13 of 16 can go", "IN", "OUT", "--ratio", "0.95")]
    [InlineData(
        3,
        "the first 1 and last 1 are protected). Ask for fewer, or lower --protect-first or --protect-last.",
        "IN",
        "OUT",
        "--ratio",
        "0.95",
        "--method",
        "drop")]
    [InlineData(3, "MKA040", "IN", "OUT", "--blocks", "16", "--method", "drop")]
    [InlineData(3, "MKA040", "IN", "OUT", "--blocks", "0", "--alpha", "0.7")]
    [InlineData(3, "no block would be left", "IN", "OUT", "--blocks", "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15", "--method", "drop")]
    [InlineData(3, "MKA031", "IN", "OUT", "--ratio", "0.4", "--calib", "TEXT")]
    [InlineData(3, "MKA031", "IN", "OUT", "--ratio", "0.4", "--calib", "/dev/null")]
    [InlineData(2, "exactly one of", "IN", "OUT", "--ratio", "0.4", "--target-size", "9MB")]
    [InlineData(2, "exactly one of", "IN", "OUT", "--max-ppl-increase", "10%", "--target-size", "9MB")]
    [InlineData(2, "--target-size many", "IN", "OUT", "--target-size", "many")]
    [InlineData(2, "--max-ppl-increase some", "IN", "OUT", "--max-ppl-increase", "some")]
    [InlineData(2, "--merge auto", "IN", "OUT", "--ratio", "0.4", "--merge", "auto")]
    [InlineData(2, "--resume keeps", "IN", "OUT", "--ratio", "0.4", "--resume", "state.json")]
    [InlineData(2, "use --method drop or best", "IN", "OUT", "--ratio", "0.4", "--granularity", "sublayer")]
    [InlineData(
        2,
        "--prune-list",
        "IN",
        "OUT",
        "--layers-removed",
        "2",
        "--granularity",
        "sublayer",
        "--method",
        "drop",
        "--prune-list",
        "list.txt")]
    [InlineData(2, "--adapter-map", "IN", "OUT", "--ratio", "0.25", "--alpha", "fit", "--adapter-map", "map.json")]
    [InlineData(2, "--adapter-map", "IN", "OUT", "--ratio", "0.25", "--align", "heads", "--adapter-map", "map.json")]
    [InlineData(2, "--adapter-map", "IN", "OUT", "--ratio", "0.25", "--only", "mlp", "--adapter-map", "map.json")]
    [InlineData(3, "no such half", "IN", "OUT", "--blocks", "3.nose", "--granularity", "sublayer", "--method", "drop")]
    [InlineData(3, "MKA061", "IN", "OUT", "--target-size", "1MB", "--method", "drop", "--order", "tail", "--alpha", "1")]
    [InlineData(
        5,
        "No smaller model keeps",
        "IN",
        "OUT",
        "--max-ppl-increase",
        "0.01%",
        "--method",
        "drop",
        "--order",
        "tail",
        "--calib-samples",
        "32",
        "--seq-len",
        "64")]
    [InlineData(1, "Cannot write to", "IN", "TEXT/out", "--ratio", "0.4")]
    [InlineData(1, "Cannot write to /proc", "IN", "/proc/out", "--ratio", "0.4")]
    [InlineData(1, "Cannot write to /proc", "IN", "OUT", "--ratio", "0.4", "--plan-out", "/proc/plans/plan.json")]
    [InlineData(1, "Cannot write to /proc", "IN", "OUT", "--ratio", "0.4", "--report", "/proc/report.html")]
    [InlineData(1, "Cannot write /proc: it is a folder", "IN", "OUT", "--ratio", "0.4", "--prune-list", "/proc")]
    [InlineData(1, "It has more than 67,108,864 bytes", "IN", "OUT", "--plan", "/dev/zero")]
    public void Ends_with_one_line_and_the_documented_code(int code, string message, params string[] arguments)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["note.txt"], "This is no model.\n");
        var result = ToolProcess.Run(
            [
                .. arguments.Select(
                    a => a switch
                    {
                        "IN" => Books16.ModelPath,
                        "OUT" => folder["out.onnx"],
                        "TEXT" => folder["note.txt"],
                        "TEXT/out" => Path.Combine(folder["note.txt"], "out"),
                        _ => a,
                    }),
                "--quiet",
            ]);
        Assert.Equal(code, result.ExitCode);
        Assert.Contains(message, Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Equal("", result.Output);
        Assert.Equal(["note.txt"], Directory.GetFileSystemEntries(folder.FullPath).Select(Path.GetFileName));
    }

    [Fact]
    public void Existing_output_is_kept_without_force()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["out.onnx"], "precious");
        var refused = ToolProcess.Run(Books16.ModelPath, folder["out.onnx"], "--blocks", "5", "--method", "drop", "--no-eval", "--quiet");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("--force", Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(folder["out.onnx"]));
        Assert.Equal(
            0,
            ToolProcess.Run(
                Books16.ModelPath, folder["out.onnx"], "--blocks", "5", "--method", "drop", "--no-eval", "--no-verify", "--quiet",
                "--force").ExitCode);
        Assert.Equal(15, OnnxMka.Structure.BlockDetector.Detect(Graph.OnnxModel.Load(folder["out.onnx"])).Count);
    }

    [Fact]
    public void A_dry_run_writes_nothing()
    {
        using var folder = new TempFolder();
        var result = ToolProcess.Run(
            Books16.ModelPath, folder["out"], "--ratio", "0.25", "--order", "tail", "--alpha", "0.62", "--dry-run", "--quiet");
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("planned", result.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(folder.FullPath));
    }

    [Fact]
    public void A_run_killed_half_way_leaves_nothing_and_the_next_cleans_up()
    {
        using var folder = new TempFolder();
        using (var process = ToolProcess.Start(Books16.Folder, folder["out"], "--blocks", "5", "--method", "drop"))
        {
            while (process.StandardError.ReadLine() is { } line && !line.StartsWith("write", StringComparison.Ordinal))
            {
            }

            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            Assert.NotEqual(0, process.ExitCode);
        }

        Assert.False(Directory.Exists(folder["out"]));
        Assert.Single(Directory.GetDirectories(folder.FullPath, ".onnx-mka-*"));
        Assert.Equal(
            0,
            ToolProcess.Run(
                Books16.Folder, folder["out"], "--blocks", "5", "--method", "drop", "--no-eval", "--check", "--quiet").ExitCode);
        Assert.Equal(["out"], Directory.GetFileSystemEntries(folder.FullPath).Select(Path.GetFileName));
    }

    [Fact]
    public void Inspect_prints_the_documented_json()
    {
        var result = ToolProcess.Run("inspect", Books16.Folder, "--json");
        Assert.Equal(0, result.ExitCode);
        using var json = JsonDocument.Parse(result.Output);
        var blocks = json.RootElement.GetProperty("blocks");
        Assert.Equal(16, blocks.GetArrayLength());
        Assert.Equal(3, blocks[3].GetProperty("index").GetInt32());
        Assert.True(blocks[3].GetProperty("nodes").GetInt32() > 100);
        Assert.Equal(184_576, blocks[3].GetProperty("parameters").GetInt64());
        Assert.Equal(2, blocks[3].GetProperty("kvInputs").GetArrayLength());
        Assert.Equal(2, blocks[3].GetProperty("kvOutputs").GetArrayLength());
        Assert.Equal(17, json.RootElement.GetProperty("seams").GetArrayLength());
    }

    [Fact]
    public void Standard_output_holds_the_result_and_no_escape_codes()
    {
        using var folder = new TempFolder();
        string[] few = ["--seq-len", "32", "--eval-samples", "4"];
        var result = ToolProcess.Run([Books16.Folder, folder["out"], "--blocks", "3,7", "--method", "drop", .. few]);
        Assert.Equal(0, result.ExitCode);
        Assert.DoesNotContain('\e', result.Output);
        Assert.DoesNotContain('\e', result.Errors);
        Assert.Contains("plain drop", result.Output, StringComparison.Ordinal);
        Assert.Contains("perplexity", result.Errors, StringComparison.Ordinal);
    }
}
