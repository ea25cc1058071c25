using System.Text.Json;

namespace OnnxMka.Tests.Cli;

/// <summary><c>onnx-mka eval</c> as a user runs it.</summary>
public sealed class EvalVerbTests
{
    [Fact]
    public void Shards_and_merge_from_the_command_line()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["text.txt"], string.Concat(Enumerable.Repeat("He went to the house and said that it was well. ", 60)));
        string[] common =
        [
            "eval", Books16.Folder, "--text", folder["text.txt"], "--window", "64", "--no-speed", "--quiet", "--ep", "cpu", "--json",
        ];
        var whole = ToolProcess.Run(common);
        Assert.Equal(0, whole.ExitCode);
        for (var i = 0; i < 2; i++)
            Assert.Equal(0, ToolProcess.Run([.. common, "--shard", $"{i}/2", "--results", folder[$"{i}.jsonl"]]).ExitCode);
        var merged = ToolProcess.Run("eval", "merge", folder["0.jsonl"], folder["1.jsonl"], "--json");
        Assert.Equal(0, merged.ExitCode);
        Assert.Equal(Metrics(whole.Output), Metrics(merged.Output));
        Assert.Equal(3, ToolProcess.Run("eval", "merge", folder["0.jsonl"]).ExitCode);
    }

    [Theory]
    [InlineData(2, "--shard 2/2", "--shard", "2/2", "--results", "r.jsonl")]
    [InlineData(2, "--shard needs --results", "--shard", "0/2")]
    [InlineData(2, "--shots is 6", "--mmlu", "x", "--shots", "6")]
    [InlineData(3, "has no folder test/", "--mmlu", "x")]
    [InlineData(1, "there is no such file", "--text", "missing.txt")]
    public void Ends_with_one_line_and_the_documented_code(int code, string message, params string[] arguments)
    {
        var result = ToolProcess.Run(["eval", Books16.Folder, "--quiet", "--ep", "cpu", .. arguments]);
        Assert.Equal(code, result.ExitCode);
        Assert.Contains(message, Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    private static string Metrics(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.GetProperty("metrics").GetRawText();
    }
}
