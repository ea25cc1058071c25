using System.Text.Json;

namespace OnnxMka.Tests.Cli;

/// <summary>A word that is no option and no verb is never taken for a file.</summary>
public sealed class StrayWordsTests
{
    [Theory]
    [InlineData("There is no option --jsno. Did you mean --json?", "IN", "--ratio", "0.4", "--no-eval", "--jsno")]
    [InlineData("There is no option --jsno. Did you mean --json?", "--jsno", "IN", "OUT", "--ratio", "0.4")]
    [InlineData("There is no option --fource. Did you mean --force?", "IN", "OUT", "--ratio", "0.4", "--plan-out", "--fource")]
    [InlineData("There is no option --rato. Did you mean --ratio?", "IN", "OUT", "--rato=0.4")]
    [InlineData("There is no option -q", "IN", "-q", "--ratio", "0.4")]
    [InlineData("There is no option -:", "IN", "-", "--ratio", "0.4")]
    [InlineData("There is no option --text here; it belongs to: onnx-mka eval.", "IN", "OUT", "--ratio", "0.4", "--text", "x")]
    [InlineData("There is no option --repotr. Did you mean --report?", "inspect", "IN", "--repotr", "x.html")]
    [InlineData("Did you mean the verb inspect?", "inspct", "IN")]
    [InlineData("Did you mean the verb score?", "socre", "IN", "-o", "x.json")]
    [InlineData("Did you mean the verb eval?", "evla", "merge", "a.jsonl", "b.jsonl")]
    [InlineData("Did you mean the verb merge?", "eval", "mrege", "a.jsonl")]
    public void Ends_in_one_line_that_says_what_was_meant(string message, params string[] arguments)
    {
        using var folder = new TempFolder();
        var result = ToolProcess.RunIn(
            folder.FullPath, [.. arguments.Select(a => a switch { "IN" => Books16.Folder, "OUT" => "out", _ => a })]);
        Assert.Contains(message, Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(2, result.ExitCode);
        Assert.Equal("", result.Output);
        Assert.Empty(Directory.GetFileSystemEntries(folder.FullPath));
    }

    [Fact]
    public void A_word_behind_two_dashes_is_a_name_and_a_number_may_be_negative()
    {
        using var folder = new TempFolder();
        string[] options = ["--blocks", "5", "--method", "drop", "--no-eval", "--no-verify", "--quiet", "--seed", "-3"];
        var result = ToolProcess.RunIn(folder.FullPath, [.. options, "--", Books16.Folder, "--out"]);
        Assert.Equal("", result.Errors);
        Assert.True(File.Exists(folder["--out/model.onnx"]));
    }

    [Fact]
    public void A_dry_run_prints_its_report_as_json()
    {
        using var folder = new TempFolder();
        var result = ToolProcess.RunIn(
            folder.FullPath, Books16.Folder, "--blocks", "5", "--method", "drop", "--dry-run", "--json", "--quiet");
        Assert.Equal("", result.Errors);
        using var report = JsonDocument.Parse(result.Output);
        Assert.Equal(12_697_940, report.RootElement.GetProperty("plannedBytes").GetInt64());
        Assert.Equal(JsonValueKind.Null, report.RootElement.GetProperty("output").ValueKind);
        Assert.Empty(Directory.GetFileSystemEntries(folder.FullPath));
    }
}
