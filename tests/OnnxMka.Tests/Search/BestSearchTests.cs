using OnnxMka.Compensation;
using OnnxMka.Jobs;
using OnnxMka.Running.Tokens;
using OnnxMka.Steps.Searching;

namespace OnnxMka.Tests.Search;

public sealed class BestSearchTests
{
    private static CalibrationOptions Text => new() { Samples = 32, Length = 32, HeldBackSamples = 32 };

    /// <summary>Small windows, so that the search ends in seconds; the figures mean little, the order of things is the same.</summary>
    private static CompressionOptions Options(string output) => new()
    {
        Input = Books16.Folder,
        Output = new() { Path = output },
        Recipe = RecipeOf.Steps(new Best { Ratio = 0.125, Budget = TimeSpan.FromSeconds(1) }) with { Calibration = Text },
    };

    [Fact]
    public void It_takes_what_has_the_lowest_loss_and_writes_a_model_that_passes_its_checks()
    {
        using var folder = new TempFolder();
        var result = Compressor.Run(Options(folder["best"]));
        var search = result.Told<SearchReport>()!;
        Assert.NotEmpty(search.Trials);
        Assert.Equal(search.Trials.Min(t => t.HeldOutPerplexity), search.Trials[search.Chosen].HeldOutPerplexity);
        Assert.Equal(search.Trials[search.Chosen].Removed.AsEnumerable(), result.Plan.Removed);
        Assert.Equal(search.Trials[search.Chosen].Compensation, result.Told<CompensationReport>()?.Kind ?? CompensationReport.None);
        Assert.Equal(14, result.Plan.Groups.Length);
        Assert.NotEmpty(result.Verdicts);
        Assert.All(result.Verdicts, v => Assert.True(v.Passed, v.Check));
        Assert.False(search.Complete, "a second is too short for all of it");
    }

    /// <summary>With time for all of it, a search is a function of its input.</summary>
    [Fact]
    public void A_complete_search_gives_the_same_bytes_again()
    {
        using var folder = new TempFolder();
        var small = SmallDecoder.Write(SmallDecoder.Map, folder["in"]);
        var options = small.With(new Best { Blocks = ["3", "4"], Budget = TimeSpan.FromHours(1) }) with
        {
            Input = folder["in"],
            Output = new() { Path = folder["once"] },
            Evaluate = false,
            Verify = false,
        };
        var once = Compressor.Run(options);
        Compressor.Run(options with { Output = options.Output with { Path = folder["again"] } });
        var search = once.Told<SearchReport>()!;
        Assert.True(search.Complete);
        Assert.Equal(6, search.Trials.Select(t => t.Compensation).Distinct().Count());
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(folder["once"], "model.onnx")), File.ReadAllBytes(Path.Combine(folder["again"], "model.onnx")));
        var others = options.On(options.Recipe.Calibration with { Seed = 1 });
        Compressor.Run(others with { Output = options.Output with { Path = folder["other"] } });
        Assert.NotEqual(
            File.ReadAllBytes(Path.Combine(folder["once"], "model.onnx")), File.ReadAllBytes(Path.Combine(folder["other"], "model.onnx")));
    }

    [Fact]
    public void Ratio_0_changes_nothing_and_searches_nothing()
    {
        using var folder = new TempFolder();
        var result = Compressor.Run(Options(folder["same"]).With(new Best { Ratio = 0 }) with { Evaluate = false });
        Assert.Empty(result.Plan.Removed);
        Assert.Equal(CompensationReport.None, result.Told<CompensationReport>()!.Kind);
        Assert.Null(result.Told<SearchReport>());
    }

    [Fact]
    public void No_corrected_weights_stay_in_the_temporary_folder()
    {
        using var folder = new TempFolder();
        Directory.CreateDirectory(folder["tmp"]);
        string[] search =
        [
            Books16.Folder, folder["out"], "--blocks", "13", "--method", "best", "--no-eval", "--no-verify",
            "--calib-samples", "32", "--seq-len", "16", "--ep", "cpu", "--quiet",
        ];
        // The tool, its arguments, and last the folder.
        const string Script = """tool=$1; shift; export TMPDIR="${@: -1}"; set -- "${@:1:$#-1}"; exec "$tool" "$@" """;
        var result = ToolProcess.RunInShell(Script, [.. search, folder["tmp"]]);
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Empty(Directory.GetFileSystemEntries(folder["tmp"]));
    }

    [Fact]
    public void Contradicting_options_are_refused()
    {
        Assert.Equal(2, ToolProcess.Run(Books16.Folder, "unused", "--ratio", "0.25", "--method", "best", "--compensate", "fold").ExitCode);
        Assert.Equal(2, ToolProcess.Run(Books16.Folder, "unused", "--blocks", "3", "--select", "bi").ExitCode);
        Assert.Equal(2, ToolProcess.Run(Books16.Folder, "unused", "--ratio", "0.25", "--method", "best", "--budget", "soon").ExitCode);
    }
}
