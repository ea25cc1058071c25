using OnnxMka.Compensation;
using OnnxMka.Jobs;
using OnnxMka.Planning;

namespace OnnxMka.Tests.Search;

public sealed class BestSearchTests
{
    /// <summary>Small windows, so that the search ends in seconds; the figures mean little, the order of things is the same.</summary>
    private static CompressionOptions Options(string output) => new()
    {
        Input = Books16.Folder,
        Output = new() { Path = output },
        Ratio = 0.125,
        Plan = new PlanOptions { Method = Method.Best },
        Calibration = new() { Samples = 32, Length = 32, HeldBackSamples = 32 },
        Budget = TimeSpan.FromSeconds(1),
    };

    [Fact]
    public void It_takes_what_has_the_lowest_loss_and_writes_a_model_that_passes_its_checks()
    {
        using var folder = new TempFolder();
        var result = Compression.Run(Options(folder["best"]));
        var search = result.Search!;
        Assert.NotEmpty(search.Trials);
        Assert.Equal(search.Trials.Min(t => t.HeldOutPerplexity), search.Trials[search.Chosen].HeldOutPerplexity);
        Assert.Equal(search.Trials[search.Chosen].Removed.AsEnumerable(), result.Plan.Removed);
        Assert.Equal(search.Trials[search.Chosen].Compensation, result.Compensation!.Kind);
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
        var options = Options(folder["once"]) with { Ratio = null, Plan = new PlanOptions { Method = Method.Best, Named = [13, 14] }, Calibration = Options(folder["once"]).Calibration with { Length = 16 }, Budget = TimeSpan.FromHours(1), Evaluate = false, Verify = false };
        var once = Compression.Run(options);
        Compression.Run(options with { Output = options.Output with { Path = folder["again"] } });
        Assert.True(once.Search!.Complete);
        Assert.Equal(6, once.Search.Trials.Select(t => t.Compensation).Distinct().Count());
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder["once"], "model.onnx")), File.ReadAllBytes(Path.Combine(folder["again"], "model.onnx")));
        Compression.Run(options with { Output = options.Output with { Path = folder["other"] }, Calibration = options.Calibration with { Seed = 1 } });
        Assert.NotEqual(File.ReadAllBytes(Path.Combine(folder["once"], "model.onnx")), File.ReadAllBytes(Path.Combine(folder["other"], "model.onnx")));
    }

    [Fact]
    public void Ratio_0_changes_nothing_and_searches_nothing()
    {
        using var folder = new TempFolder();
        var result = Compression.Run(Options(folder["same"]) with { Ratio = 0, Evaluate = false });
        Assert.Empty(result.Plan.Removed);
        Assert.Equal(CompensationKind.None, result.Compensation!.Kind);
        Assert.Null(result.Search);
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
        var result = ToolProcess.RunInShell("""tool=$1; shift; export TMPDIR="${@: -1}"; set -- "${@:1:$#-1}"; exec "$tool" "$@" """, [.. search, folder["tmp"]]);
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
