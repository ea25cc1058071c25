using System.Text.Json;
using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Running.Parts;
using OnnxMka.Selection;
using OnnxMka.Steps;
using OnnxMka.Structure;
using OnnxMka.Tests.Compensation;

namespace OnnxMka.Tests.Selection;

public sealed class BlockSelectorTests
{
    /// <summary>Scores are means over 768 tokens of float32 activations; 1e-5 is ten times their rounding through 16 blocks.</summary>
    private const double Tolerance = 1e-5;

    private const int Four = 4;

    private static readonly int[] Inner = [.. Enumerable.Range(1, 14)];

    [Theory]
    [InlineData("bi", "influence", 1)]
    [InlineData("cka", "cka", -1)]
    public void Seam_scores_equal_those_of_an_independent_implementation(string selector, string name, int direction)
    {
        using var seams = OriginalSeams.Of(CompensationFixture.Chain(Books16.Map), CompensationFixture.Fit);
        var report = new SelectionReport(selector, Named(selector).Choose(seams, Inner, Four, default));
        var oracle = Scores(name);
        Assert.All(report.Chosen, c => Assert.Equal(oracle[c.Block], c.Score, Tolerance));
        Assert.Equal(Enumerable.Range(1, 14).OrderBy(b => direction * oracle[b]).Take(4), report.Chosen.Select(c => c.Block));
    }

    [Fact]
    public void The_window_of_the_smallest_angle_goes()
    {
        using var seams = OriginalSeams.Of(CompensationFixture.Chain(Books16.Map), CompensationFixture.Fit);
        var report = new SelectionReport("angular", Named("angular").Choose(seams, Inner, Four, default));
        var oracle = Scores("angleOfFour");
        var first = Enumerable.Range(1, 11).MinBy(b => oracle[b]);
        Assert.Equal(Enumerable.Range(first, 4), report.Blocks.AsEnumerable());
        // arccos steepens what rounding leaves of a cosine near 1: by about 5 at an angle of 0.2.
        Assert.All(report.Chosen, c => Assert.Equal(oracle[first], c.Score, 5 * Tolerance));
    }

    [Theory]
    [InlineData("blocks", Granularity.Block, 1, 14, 3)]
    [InlineData("halves", Granularity.Sublayer, 12, 21, 2)]
    public void Greedy_removal_equals_trying_every_candidate_in_an_independent_implementation(
        string name, Granularity granularity, int first, int last, int rounds)
    {
        var map = BlockDetector.Detect(OnnxModel.Load(Books16.ModelPath), granularity);
        using var seams = OriginalSeams.Of(CompensationFixture.Chain(map), CompensationFixture.Test);
        using var greedy = new GreedyLoss(
            CompensationFixture.Chain(map), seams, new GreedyOptions { Candidates = [.. Enumerable.Range(first, last - first + 1)] });
        var report = new SelectionReport("greedy-loss", greedy.Choose(rounds, null, default));
        var oracle = Greedy.GetProperty(name).EnumerateArray().ToArray();
        foreach (var (chosen, round) in report.Chosen.Zip(oracle, (c, r) => (c, r)))
        {
            var block = map.Blocks[chosen.Block].Name;
            Assert.Equal(round.GetProperty("choice").GetString(), block);
            Assert.Equal(round.GetProperty("losses").GetProperty(block).GetDouble(), chosen.Score, Tolerance);
        }

        Assert.Equal(rounds, report.Chosen.Length);
    }

    [Theory]
    [InlineData("bi")]
    [InlineData("angular")]
    [InlineData("cka")]
    public void Protected_ends_stay_and_too_many_are_refused(string selector)
    {
        using var seams = OriginalSeams.Of(CompensationFixture.Chain(Books16.Map), CompensationFixture.Test);
        var options = new PlanOptions { Method = Method.Drop, Count = 5, ProtectFirst = 6, ProtectLast = 5 };
        Assert.Equal(
            Enumerable.Range(6, 5),
            Named(selector).Choose(seams, [.. Candidates.Of(Books16.Map, options)], 5, default).Select(c => c.Block).Order());
        var refused = Assert.Throws<RefusedException>(() => Candidates.CheckRoom(Books16.Map, options with { Count = 6 }));
        Assert.Equal("MKA040", refused.Refusal.Code);
    }

    private static SeamSelector Named(string name) => (SeamSelector)Selectors.BuiltIn.Named(name);

    private static JsonElement Greedy { get; } = JsonDocument.Parse(
        File.ReadAllBytes(Path.Combine(Books16.Root, "tests", "OnnxMka.Tests", "Selection", "oracle.json"))).RootElement;

    private static double[] Scores(string name) =>
        [.. CompensationFixture.Oracle.GetProperty("scores").GetProperty(name).EnumerateArray().Select(e => e.GetDouble())];
}
