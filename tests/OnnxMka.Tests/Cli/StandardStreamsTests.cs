using System.Diagnostics;

namespace OnnxMka.Tests.Cli;

/// <summary>A caller that closes or fills what the tool prints to, and one that wants it to end.</summary>
public sealed class StandardStreamsTests : IDisposable
{
    private const string Drop = "--blocks 5 --method drop --no-eval --no-verify";

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0, "IN OUT " + Drop, "2>&-")]
    [InlineData(0, "IN OUT " + Drop, "2>/dev/full")]
    [InlineData(0, "IN OUT " + Drop, ">&- 2>&-")]
    [InlineData(0, "IN OUT " + Drop, "<&- >&- 2>&-")]
    [InlineData(1, "missing OUT " + Drop, "2>&-")]
    [InlineData(1, "missing OUT " + Drop, "2>/dev/full")]
    [InlineData(2, "IN OUT --no-such", "2>/dev/full")]
    public void Without_stderr_the_exit_code_is_the_same(int code, string words, string streams)
    {
        Assert.Equal(code, Run(words, streams).ExitCode);
        Assert.Equal(code == 0, File.Exists(_folder["out/model.onnx"]));
    }

    [Theory]
    [InlineData(">&-", "It is closed")]
    [InlineData(">/dev/full", "No space left on device")]
    public void A_model_that_stands_is_done_although_its_tables_cannot_be_printed(string streams, string why)
    {
        var result = Run("IN OUT --quiet " + Drop, streams);
        var note = $"note: Cannot write to standard output: {why}. The model is finished: {_folder["out/model.onnx"]}";
        Assert.Equal(note, Assert.Single(result.ErrorLines));
        Assert.Equal(0, result.ExitCode);
        Assert.True(File.Exists(_folder["out/model.onnx"]));
    }

    [Theory]
    [InlineData("inspect IN", ">/dev/full")]
    [InlineData("inspect IN --json", ">&-")]
    [InlineData("IN --dry-run --json --quiet " + Drop, ">/dev/full")]
    public void What_a_command_is_for_must_be_printed(string words, string streams)
    {
        var result = Run(words, streams);
        Assert.StartsWith("onnx-mka: Cannot write to standard output: ", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(1, result.ExitCode);
    }

    [Fact]
    public void A_file_beside_the_model_that_cannot_be_written_is_an_error_and_the_model_stands()
    {
        var result = Run("IN OUT --quiet --plan-out /dev/full " + Drop, "");
        var line = Assert.Single(result.ErrorLines);
        Assert.StartsWith("onnx-mka: Cannot write /dev/full: No space left on device", line, StringComparison.Ordinal);
        Assert.EndsWith($"The model is finished all the same: {_folder["out/model.onnx"]}.", line, StringComparison.Ordinal);
        Assert.Equal(1, result.ExitCode);
        Assert.True(File.Exists(_folder["out/model.onnx"]));
    }

    [Fact]
    public void A_report_larger_than_is_allowed()
    {
        var result = ToolProcess.RunWithFilesUpTo(1, "inspect", Books16.Folder, "--report", _folder["report.json"]);
        Assert.Contains("bytes is allowed there", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(1, result.ExitCode);
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public void A_signal_stops_the_work_and_nothing_stays(string signal)
    {
        using var process = ToolProcess.Start(Books16.Folder, _folder["out"], "--ratio", "0.25", "--calib-samples", "2048");
        while (process.StandardError.ReadLine() is { } line && !line.StartsWith("note", StringComparison.Ordinal))
        {
        }

        Send(signal, process);
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Contains("Cancelled; nothing was written.", errors, StringComparison.Ordinal);
        Assert.Equal(130, process.ExitCode);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.FullPath));
    }

    private static void Send(string signal, Process process)
    {
        using var kill = Process.Start("kill", [$"-{signal}", process.Id.ToString()]);
        kill.WaitForExit();
    }

    /// <param name="streams">What a shell does to the streams.</param>
    private ToolResult Run(string words, string streams) =>
        ToolProcess.RunInShell($"exec \"$@\" {streams}", [.. words.Split(' ').Select(Placed)]);

    private string Placed(string word) => word switch { "IN" => Books16.Folder, "OUT" => _folder["out"], _ => word };
}
