using System.Security.Cryptography;
using System.Text;

namespace OnnxMka.Tests.Cli;

/// <summary>No option writes over what another reads or writes, nor over the models: told before the work, and nothing changes.</summary>
public sealed class NamedFilesTests : IDisposable
{
    private static readonly string[] Drop = ["--blocks", "5", "--method", "drop", "--no-eval", "--no-verify"];

    private readonly TempFolder _folder = new();

    public NamedFilesTests()
    {
        Directory.CreateDirectory(_folder["in"]);
        foreach (var file in Directory.GetFiles(Books16.Folder)) File.Copy(file, _folder[$"in/{Path.GetFileName(file)}"]);
        File.WriteAllText(_folder["in/notes.md"], "somebody's");
        File.WriteAllText(_folder["text.txt"], "Some text.");
        File.CreateSymbolicLink(_folder["link.txt"], "in/model.onnx");
        Directory.CreateSymbolicLink(_folder["linked"], "in");
        HardLink(_folder["in/tokenizer.json"], _folder["second.yml"]);
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("--plan-out", "a file of the input", "IN", "OUT", "DROP", "--plan-out", "in/model.onnx")]
    [InlineData("--plan-out", "a file of the input", "IN", "OUT", "DROP", "--dry-run", "--plan-out", "linked/model.onnx")]
    [InlineData("--prune-list", "a file of the input", "in/model.onnx", "OUT", "DROP", "--prune-list", "link.txt")]
    [InlineData("--mergekit", "a file of the input", "IN", "OUT", "DROP", "--mergekit", "second.yml")]
    [InlineData("--report", "a file of the input", "IN", "OUT", "DROP", "--report", "in/notes.md")]
    [InlineData("--report", "a file of the input", "in/model.onnx", "OUT", "DROP", "--report", "in/Config.json")]
    [InlineData("--adapter-map", "--calib reads", "IN", "OUT", "--ratio", "0.4", "--calib", "text.txt", "--adapter-map", "text.txt")]
    [InlineData("--plan-out", "--report writes", "IN", "OUT", "DROP", "--report", "p.json", "--plan-out", "linked/../p.json")]
    [InlineData("the result", "--plan-out writes", "IN", "OUT", "DROP", "--plan-out", "OUT/config.json")]
    [InlineData("the result", "--plan-out writes", "IN", "OUT", "DROP", "--plan-out", "OUT")]
    [InlineData("the result", "--calib reads", "IN", "NEW", "--ratio", "0.4", "--calib", "new/generation_config.json", "--force")]
    [InlineData("--output", "a file of the input", "score", "IN", "-o", "in/model.onnx")]
    [InlineData("--report", "a file of the input", "inspect", "IN", "--report", "in/genai_config.json")]
    [InlineData("--results", "--text reads", "eval", "IN", "--text", "text.txt", "--results", "text.txt")]
    [InlineData("--results", "--text reads", "eval", "IN", "--text", ".", "--results", "r.jsonl")]
    [InlineData("--report", "a file of the input", "eval", "in/model.onnx", "--against", "IN", "--report", "in/config.json")]
    [InlineData("--report", "the command reads", "eval", "merge", "a.json", "--report", "a.json")]
    [InlineData("--output", "--analysis reads", "sweep", "IN", "--analysis", "sweep/analysis.json", "-o", "SWEEP")]
    public void A_name_that_would_take_anothers_place(string writes, string what, params string[] arguments)
    {
        Directory.CreateDirectory(_folder["new"]);
        File.WriteAllText(_folder["new/generation_config.json"], "{}");
        if (arguments.Contains("sweep/analysis.json"))
        {
            Directory.CreateDirectory(_folder["sweep"]);
            string[] few = ["--calib-samples", "32", "--seq-len", "16", "--quiet"];
            Assert.Equal(0, ToolProcess.Run(["score", Books16.Folder, "-o", _folder["sweep/analysis.json"], .. few]).ExitCode);
        }

        var before = Contents();
        var result = ToolProcess.Run([.. arguments.SelectMany(a => a == "DROP" ? Drop : [Placed(a)])]);
        var line = result.ErrorLines[^1];
        Assert.StartsWith($"onnx-mka: {writes} would write ", line, StringComparison.Ordinal);
        Assert.Contains(what, line, StringComparison.Ordinal);
        Assert.Equal(1, result.ExitCode);
        Assert.Equal(before, Contents());
    }

    /// <summary>Beside the input under names of their own, into the result, and to what keeps nothing.</summary>
    [Fact]
    public void Names_of_their_own()
    {
        string[] named =
        [
            "--plan-out",
            _folder["plan.json"],
            "--report",
            _folder["out/report.json"],
            "--prune-list",
            _folder["in/list.txt"],
        ];
        string[] devices = ["--adapter-map", "/dev/null", "--mergekit", "/dev/null"];
        for (var run = 0; run < 2; run++)
        {
            var result = ToolProcess.Run([_folder["in/model.onnx"], _folder["out"], .. Drop, "--quiet", "--force", .. named, .. devices]);
            Assert.Equal("", result.Errors);
            Assert.Equal(0, result.ExitCode);
        }

        Assert.True(File.Exists(_folder["in/list.txt"]) && File.Exists(_folder["out/report.json"]));
    }

    private static void HardLink(string file, string name)
    {
        using var process = System.Diagnostics.Process.Start("ln", [file, name]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private string Placed(string word) => word switch
    {
        "IN" => _folder["in"],
        "OUT" => _folder["out"],
        "." => _folder.FullPath,
        _ when word.StartsWith("OUT/", StringComparison.Ordinal) => _folder["out"] + word[3..],
        _ when word.Contains('.', StringComparison.Ordinal) && !char.IsAsciiDigit(word[0]) => _folder[word],
        "NEW" or "SWEEP" => _folder[word.ToLowerInvariant()],
        _ => word,
    };

    private string Contents()
    {
        var text = new StringBuilder();
        foreach (var file in Directory.GetFiles(_folder.FullPath, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            text.Append(file).Append(' ').Append(Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))).Append('\n');
        return text.ToString();
    }
}
