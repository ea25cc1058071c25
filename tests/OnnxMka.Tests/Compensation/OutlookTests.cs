using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Outcomes;
using OnnxMka.Recipes;
using OnnxMka.Running.Tokens;
using OnnxMka.Steps.Comparing;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Folding;
using OnnxMka.Steps.Reaching;
using OnnxMka.Steps.Refitting;
using OnnxMka.Steps.Searching;

namespace OnnxMka.Tests.Compensation;

/// <summary>What a run will take, as it is said before.</summary>
public sealed class OutlookTests
{
    private static readonly CalibrationSplit Split = new(CompensationFixture.Windows(0, 7), CompensationFixture.Windows(7, 1));

    private readonly List<string> _notes = [];

    [Fact]
    public void Tokens_parts_and_times_are_told_and_what_would_fit()
    {
        using var texts = new Texts(new CalibrationOptions(), Books16.Map.Model.Path);
        using var bench = Open(texts);
        var outlook = new Outlook(bench, TimeSpan.FromMilliseconds(1), least: 0);
        outlook.BeforeSeams(Books16.Map, Split, Ahead(new Refit()));
        Assert.Matches(
            "^1,024 tokens through 17 parts: about [0-9]+ s; a correction of all that is left, up to [0-9]+ (s|min) more$", _notes[0]);
        Assert.Equal(
            "that is more than the 1 s of --budget, which the least text (--calib-samples 32) would not fit either: shorter windows "
                + "(--seq-len) or --compensate none take less",
            _notes[1]);
        Assert.Matches(
            "^3 blocks over 1,024 tokens, about [0-9]+ s(, up to [0-9]+ s where the first try does not help)?$",
            outlook.BeforePass(Books16.Map, Split, new Refit().Work(), 3));
    }

    [Fact]
    public void Nothing_is_probed_or_said_of_what_takes_seconds()
    {
        using var texts = new Texts(new CalibrationOptions(), Books16.Map.Model.Path);
        using var bench = Open(texts);
        var outlook = new Outlook(bench, null);
        outlook.BeforeSeams(Books16.Map, Split, Ahead(new Refit()));
        Assert.Null(outlook.BeforePass(Books16.Map, Split, new Refit().Work(), 3));
        Assert.Empty(_notes);
    }

    [Fact]
    public void Effort_is_loads_tokens_and_operations()
    {
        var speed = new MachineSpeed(LoadSeconds: 2, ReloadSeconds: 0.5, TokenSeconds: 0.01, OperationsPerSecond: 1e9);
        Assert.Equal(4 + 3 + 3 + 5, (2 * new Effort(1, 3, 150, 2.5e9)).Seconds(speed), 1e-9);

        // Every unit: opened, and again for each of two weights; run over what is fitted to for each weight and to move on.
        var effort = new Refit().Work().Effort(Books16.Map, Split);
        Assert.Equal((1, 2), (effort.Loads, effort.Reloads));
        Assert.Equal((3 * 7 * 128) + (4 * 128), effort.Tokens);
        var most = new Refit().Work().Effort(Books16.Map, Split, most: true);
        Assert.Equal((1, 10), (most.Loads, most.Reloads)); // four ridges, and the weight as it was
        Assert.Equal((3 * 7 * 128) + (10 * 128), most.Tokens);
        Assert.True(new Refit { Passes = 2 }.Work().Effort(Books16.Map, Split).Operations > 1.9 * effort.Operations);
    }

    [Theory]
    [InlineData(0.2, "1 s")]
    [InlineData(89, "89 s")]
    [InlineData(170, "3 min")]
    [InlineData(9000, "2.5 h")]
    public void Estimates_are_round(double seconds, string text) => Assert.Equal(text, Durations.About(seconds));

    [Fact]
    public void Comparisons_and_searches_are_told_at_most()
    {
        using var texts = new Texts(new CalibrationOptions(), Books16.Map.Model.Path);
        using var bench = Open(texts);
        var outlook = new Outlook(bench, TimeSpan.FromMilliseconds(1), least: 0);
        outlook.BeforeSeams(Books16.Map, Split, Ahead(new Drop { Count = 2 }, new Best { Count = 2, Budget = TimeSpan.FromHours(2) }));
        Assert.EndsWith("; the search, at most 2.0 h more", Assert.Single(_notes)); // and keeps its budget: there is nothing to advise
        outlook.BeforeSeams(Books16.Map, Split, Ahead(new Correct()));
        Assert.Matches("; all corrections of all that is left, at most [0-9]+ (s|min) more$", _notes[1]);
        outlook.BeforeSeams(Books16.Map, Split, Ahead(new Reach { MaxIncrease = 0.1, Steps = [new Drop(), new Refit()] }));
        Assert.Matches("; 5 numbers of blocks are tried, at most [0-9]+ (s|min) more$", _notes[3]);
    }

    [Fact]
    public void At_most_is_all_that_may_be_tried()
    {
        var (refit, all) = (Ahead(new Refit())!, Ahead(new Correct())!);
        Assert.Equal((352, 352), (refit.Unknowns, all.Unknowns)); // the down projection's
        Assert.Equal(0, Ahead(new Fold())!.Unknowns);

        // A refit, four corrections that each look at what is fitted to and move the stream on, six losses on the held-out window.
        Assert.True(all.Effort.Tokens >= refit.Effort.Tokens + (16 * ((4 * 2 * 7) + 6) * 128));
        Assert.True(all.Effort.Operations >= refit.Effort.Operations);

        // The first trials of a search are made whatever its budget.
        var (search, speed) = (Ahead(new Best { Count = 2, Budget = TimeSpan.FromSeconds(1) })!, new MachineSpeed(1, 1, 1, 1e9));
        Assert.True(search.Seconds(speed) >= 2 * refit.Seconds(speed));
        Assert.Equal(3e9, (search with { Budget = TimeSpan.FromSeconds(3e9) }).Seconds(speed));
        Assert.Same(refit.What, Ahead(new Reach { Bytes = 1, Steps = [new Drop(), new Refit()] })!.What);
    }

    private static Prospect? Ahead(params IEnumerable<Step> steps) => Kinds.BuiltIn.Ahead(steps, Books16.Map, Split);

    private Workbench Open(Texts texts) =>
        new(Books16.Map, "", new BenchOptions { Kinds = Kinds.BuiltIn }, texts, new Noted(_notes), CancellationToken.None);

    private sealed class Noted(List<string> notes) : IProgressSink
    {
        public IStage Begin(string name, long total, string unit) => NoProgress.Instance;

        public void Note(string text) => notes.Add(text);
    }
}
