using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Reporting;
using OnnxMka.Running.Tokens;
using OnnxMka.Selection;
using OnnxMka.Steps.Comparing;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Reaching;
using OnnxMka.Sweeping;
using OnnxMka.Tests.Compensation;

namespace OnnxMka.Tests.Search;

/// <summary>
/// A choice that leaves no finite loss is not the least of several, and where nothing else is left the run is refused with the block.
/// </summary>
public sealed class NonFiniteLossTests(NonFiniteLossTests.Models models) : IClassFixture<NonFiniteLossTests.Models>
{
    private const int Needed = 4;

    [Fact]
    public void Greedy_selection_keeps_the_block_that_the_loss_needs_and_its_file_is_read_again()
    {
        using var folder = new TempFolder();
        var drop = new Drop { Select = "greedy-loss", Count = 1, ProtectFirst = 3 };
        var options = models.Options.With(drop) with { JournalFile = folder["search.json"] };
        foreach (var _ in new[] { "measured", "read" })
        {
            var chosen = Assert.Single(
                Compressor.Run(options with { Output = options.Output with { DryRun = true } }).Told<SelectionReport>()!.Chosen);
            Assert.NotEqual(Needed, chosen.Block);
            Assert.True(double.IsFinite(chosen.Score));
        }
    }

    [Fact]
    public void A_file_with_losses_that_are_not_finite_is_read()
    {
        using var folder = new TempFolder();
        File.WriteAllText(
            folder["s.json"],
            Stored("""{"block":13,"score":3.5,"otherScore":"NaN"},{"block":12,"score":3.6,"otherScore":"Infinity"}"""));
        var rounds = SelectionState.Of(Journal.Open(folder["s.json"], "job"), "key").Rounds;
        Assert.Equal([(13, 3.5, null), (12, 3.6, null)], rounds.Select(r => (r.Block, r.Score, r.OtherScore)));
        // One that such a choice was made by is none of a search's.
        File.WriteAllText(folder["s.json"], Stored("""{"block":13,"score":"NaN"}"""));
        Assert.Equal(
            "MKA060", Assert.Throws<RefusedException>(() => SelectionState.Of(Journal.Open(folder["s.json"], "job"), "key")).Refusal.Code);
    }

    [Fact]
    public void Where_no_block_can_go_the_first_is_named()
    {
        var options = models.Options.With(new Drop { Select = "greedy-loss", Count = 1, ProtectFirst = Needed });
        Refused(() => Compressor.Run(options with { Output = options.Output with { DryRun = true } }), $"block {Needed}");
    }

    /// <summary>Of a drop and a merge of one block the one with a loss is taken; the other has none to tell.</summary>
    [Fact]
    public void A_merge_without_a_loss_does_not_win_over_a_drop()
    {
        using var folder = new TempFolder();
        var rows = CalibrationSet.FromIds(models.Options.Recipe.Calibration.IdsFile!, 4, 16, 0, _ => true);
        using var seams = OnnxMka.Running.Parts.OriginalSeams.Of(CompensationFixture.Chain(SmallDecoder.Map), rows);
        // Shares of -1e30 and 1e30 + 1 overflow whatever they are applied to.
        GreedyOptions Options() =>
            new()
            {
                Candidates = [3],
                Alpha = (_, _) => -1e30,
                ProtectFirst = 1,
                State = SelectionState.Of(Journal.Open(folder["s.json"], "job"), "key"),
            };
        using var greedy = new GreedyLoss(CompensationFixture.Chain(SmallDecoder.Map), seams, Options());
        var chosen = Assert.Single(greedy.Choose(1, null, default));
        Assert.Equal((3, null, null), (chosen.Block, chosen.Alpha, chosen.OtherScore));
        using var again = new GreedyLoss(CompensationFixture.Chain(SmallDecoder.Map), seams, Options());
        Assert.Equal(chosen, Assert.Single(again.Choose(1, null, default)));
    }

    /// <summary>Corrections make the stream as large as it was; without one there is no loss, and that must not win.</summary>
    [Fact]
    public void No_correction_is_not_the_best_where_it_leaves_no_loss()
    {
        var options = models.Options.With(new Drop { Blocks = [RecipeOf.Name(Needed)] }, new Correct());
        var result = Compressor.Run(options with { Output = options.Output with { DryRun = true } });
        var report = result.Told<CompensationReport>()!;
        Assert.NotEqual(CompensationReport.None, report.Kind);
        Assert.Null(report.Trials.Single(t => t.Kind == CompensationReport.None).HeldOutPerplexity);
        Assert.Equal(report.Trials.Min(t => t.HeldOutPerplexity), report.Trials.Single(t => t.Kind == report.Kind).HeldOutPerplexity);
        Assert.DoesNotContain("NaN", ReportJson.Write(result, models.Options), StringComparison.Ordinal);
    }

    [Fact]
    public void A_target_is_not_met_by_a_model_without_a_loss()
    {
        var reach = new Reach { MaxIncrease = 1e6, Steps = [new Drop { Select = "tail", ProtectFirst = 3 }] };
        var options = models.Options.With(reach) with { Output = new() { DryRun = true } };
        var missed = Assert.Throws<QualityGateException>(() => Compressor.Run(options));
        Assert.DoesNotContain("NaN", missed.Message, StringComparison.Ordinal);
        Assert.Contains("no finite loss", missed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_sweep_puts_no_model_without_a_loss_on_its_front()
    {
        var result = Sweep.Run(models.Options, new SweepOptions([0.17], [new SweepMethod(Method.Drop, "tail")], 1e6) { ProtectFirst = 3 });
        var point = Assert.Single(result.Points);
        Assert.Equal((false, false, null), (point.OnSizeFront, point.OnSpeedFront, result.Picked));
    }

    private static string Stored(string rounds) =>
        $$$"""{"version":2,"key":"job","losses":{},"lists":{"greedy-loss key":[{{{rounds}}}]}}""";

    private static void Refused(Action run, string where)
    {
        var refusal = Assert.Throws<RefusedException>(run).Refusal;
        Assert.Equal("MKA033", refusal.Code);
        Assert.Contains(where, refusal.Where, StringComparison.Ordinal);
        Assert.Contains("not finite", refusal.What, StringComparison.Ordinal);
    }

    /// <summary>The model, once for all tests.</summary>
    public sealed class Models : IDisposable
    {
        private readonly TempFolder _folder = new();

        public Models()
        {
            var plain = SmallDecoder.Write(SmallDecoder.Map, _folder["plain"]);
            // All rows that are run, those held back too: with the block every loss is finite.
            var rows = CalibrationSet.FromIds(
                plain.Recipe.Calibration.IdsFile!, int.MaxValue, plain.Recipe.Calibration.Length, 0, _ => true);
            Options = SmallDecoder.Write(NeedsBlock.Of(Needed, rows), _folder["needs"]);
        }

        public CompressionOptions Options { get; }

        public void Dispose() => _folder.Dispose();
    }
}
