using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;
using OnnxMka.Running.Tokens;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Refitting;
using OnnxMka.Steps.Searching;

namespace OnnxMka.Tests.Compensation;

/// <summary>How much text is calibrated on where nobody says. The widest weight of the fixture that is refitted has 352 inputs.</summary>
public sealed class WindowCountTests
{
    private static readonly CompressionOptions Usual =
        new() { Input = Books16.Folder, Recipe = RecipeOf.Steps(new Drop { Blocks = ["13"] }, new Refit()) };

    private readonly List<string> _notes = [];

    [Fact]
    public void The_default_stays_where_it_is_enough()
    {
        Assert.Null(Chosen(Usual)); // 224 x 128 rows are 81 an input
        Assert.Null(Chosen(Short(4) with { Recipe = Short(4).Recipe with { Steps = [new Drop { Blocks = ["13"] }] } }));
        Assert.Equal(40, Chosen(Short(4, samples: 40)));
        Assert.Empty(_notes);
    }

    [Fact]
    public void Short_windows_are_more_so_that_there_are_eight_rows_an_input()
    {
        // 704 x 4 = 2,816 = 8 x 352 rows, and every eighth window is held out.
        Assert.Equal(804, Chosen(Short(4)));
        Assert.Equal("calibration: 804 windows of 4 tokens: 8.0 rows an input of 352", Assert.Single(_notes));
    }

    [Fact]
    public void Searches_and_what_is_resumed_have_the_least()
    {
        Assert.Equal(256, Chosen(Short(4) with { JournalFile = "search.json" }));
        Assert.Equal(402, Chosen(Short(2) with { JournalFile = "search.json" })); // 352 x 2 = 2 x 352 rows
        Assert.Equal(402, Chosen(Short(2).With(new Best { Blocks = ["13"] })));
        Assert.Equal("calibration: 402 windows of 2 tokens: 2.0 rows an input of 352", _notes[^1]);
    }

    [Fact]
    public void A_short_text_gives_all_that_it_has()
    {
        using var folder = new TempFolder();
        var text = folder["text.txt"];
        File.WriteAllText(text, string.Concat(Enumerable.Repeat("It was the best of times. ", 200)));
        var options = Usual.On(new() { Length = 4, TextFile = text });
        using var texts = new Texts(options.Recipe.Calibration with { Samples = int.MaxValue / 8 }, Books16.Map.Model.Path);
        Assert.Equal(texts.Calibration.Count, Chosen(options));
        Assert.EndsWith("rows an input of 352, all that the text has", Assert.Single(_notes));
    }

    [Fact]
    public void Time_bounds_what_is_more_and_a_budget_what_is_less()
    {
        var speedy = Usual with { Budget = TimeSpan.FromHours(10) };
        Assert.Equal(256, Chosen(speedy, least: 0));
        Assert.Equal("calibration: 256 windows of 128 tokens: 81.5 rows an input of 352", _notes[0]);
        Assert.Equal(32, Chosen(Usual with { Budget = TimeSpan.FromMilliseconds(1) }, least: 0));
        Assert.Equal(
            "calibration: 32 windows of 128 tokens: 10.2 rows an input of 352; more would take longer than 1 s, or too much of the disk",
            _notes[1]);
    }

    [Theory]
    [InlineData(800, 256, 1000, 800)]
    [InlineData(800, 256, 500, 400)]
    [InlineData(800, 256, 100, 256)]
    [InlineData(256, 256, 100, 256)]
    public void Half_as_many_until_they_fit(int windows, int lowest, int fitting, int chosen) =>
        Assert.Equal(chosen, WindowCount.Fitting(windows, lowest, w => w <= fitting));

    [Theory]
    [InlineData(1, 128)]
    [InlineData(896, 128)]
    [InlineData(897, 128)]
    [InlineData(2816, 4)]
    public void Windows_leave_so_many_rows_and_one_less_would_not(long rows, int length)
    {
        var windows = CalibrationSplit.Windows(rows, length);
        Assert.True(Left(windows) >= rows);
        Assert.True(Left(windows - 1) < rows);

        long Left(int count) =>
            CalibrationSplit.Of(new CalibrationSet([.. Enumerable.Repeat(Array.Empty<int>(), count)], length, "", "")).Fit.TokenCount;
    }

    [Fact]
    public void Fewer_rows_than_inputs_are_told()
    {
        Assert.EndsWith(
            "; its 351 tokens are fewer than the 352 inputs of the widest weight, and more would help (--calib-samples)",
            new Refit().Work().Announced(Books16.Map, 351));
        Assert.EndsWith(" beside the block that runs", new Refit().Work().Announced(Books16.Map, 352));
    }

    [Fact]
    public void A_lock_knows_how_many_were_chosen()
    {
        using var folder = new TempFolder();
        string[] quick = ["--no-eval", "--no-verify", "--ep", "cpu"];
        string[] drop = [Books16.Folder, folder["a"], "--blocks", "13", "--method", "drop", "--seq-len", "4", .. quick];
        string[] written = ["--lock", folder["lock.json"], "--recipe-out", folder["recipe.json"]];
        Assert.Equal(0, ToolProcess.RunAsTyped([.. drop, .. written]).ExitCode);
        Assert.Contains("\"samples\": 804", File.ReadAllText(folder["lock.json"]), StringComparison.Ordinal);
        Assert.DoesNotContain("samples", File.ReadAllText(folder["recipe.json"]), StringComparison.Ordinal);
        var again = ToolProcess.RunAsTyped([Books16.Folder, folder["b"], "--recipe", folder["lock.json"], .. quick]);
        Assert.Equal(0, again.ExitCode);
        Assert.Equal(File.ReadAllBytes(folder["a/model.onnx"]), File.ReadAllBytes(folder["b/model.onnx"]));
    }

    private static CompressionOptions Short(int length, int? samples = null) => Usual.On(new() { Length = length, Samples = samples });

    private int? Chosen(CompressionOptions options, double? least = null)
    {
        var sink = new Noted(_notes);
        var chosen = least is { } some
            ? WindowCount.Chosen(options, Books16.Map, sink, default, some)
            : WindowCount.Chosen(options, Books16.Map, sink, default);
        return chosen.Options.Recipe.Calibration.Samples;
    }

    private sealed class Noted(List<string> notes) : IProgressSink
    {
        public IStage Begin(string name, long total, string unit) => NoProgress.Instance;

        public void Note(string text) => notes.Add(text);
    }
}
