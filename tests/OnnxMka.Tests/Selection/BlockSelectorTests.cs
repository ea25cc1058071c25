using OnnxMka.Chain;
using OnnxMka.Evaluation;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Runtime;
using OnnxMka.Selection;
using OnnxMka.Tests.Compensation;

namespace OnnxMka.Tests.Selection;

public sealed class BlockSelectorTests
{
    /// <summary>Scores are means over 768 tokens of float32 activations; 1e-5 is ten times their rounding through 16 blocks.</summary>
    private const double Tolerance = 1e-5;

    private static readonly PlanOptions Four = new() { Method = Method.Drop, Count = 4 };

    [Theory]
    [InlineData(SelectionKind.Bi, "influence", 1)]
    [InlineData(SelectionKind.Cka, "cka", -1)]
    public void Seam_scores_equal_those_of_an_independent_implementation(SelectionKind kind, string name, int direction)
    {
        using var seams = OriginalSeams.Of(CompensationFixture.Chain(Books16.Map), CompensationFixture.Fit);
        var report = BlockSelector.Choose(kind, CompensationFixture.Chain(Books16.Map), seams, Four);
        var oracle = Scores(name);
        Assert.All(report.Chosen, c => Assert.Equal(oracle[c.Block], c.Score, Tolerance));
        Assert.Equal(Enumerable.Range(1, 14).OrderBy(b => direction * oracle[b]).Take(4), report.Chosen.Select(c => c.Block));
    }

    [Fact]
    public void The_window_of_the_smallest_angle_goes()
    {
        using var seams = OriginalSeams.Of(CompensationFixture.Chain(Books16.Map), CompensationFixture.Fit);
        var report = BlockSelector.Choose(SelectionKind.Angular, CompensationFixture.Chain(Books16.Map), seams, Four);
        var oracle = Scores("angleOfFour");
        var first = Enumerable.Range(1, 11).MinBy(b => oracle[b]);
        Assert.Equal(Enumerable.Range(first, 4), report.Blocks.AsEnumerable());
        // arccos steepens what rounding leaves of a cosine near 1: by about 5 at an angle of 0.2.
        Assert.All(report.Chosen, c => Assert.Equal(oracle[first], c.Score, 5 * Tolerance));
    }

    [Fact]
    public void Greedy_removal_equals_trying_every_block_on_the_whole_model()
    {
        var set = CompensationFixture.Test;
        using var seams = OriginalSeams.Of(CompensationFixture.Chain(Books16.Map), set);
        var report = BlockSelector.Choose(SelectionKind.GreedyLoss, CompensationFixture.Chain(Books16.Map), seams, Four with { Count = 3 });
        var gone = new List<int>();
        foreach (var chosen in report.Chosen)
        {
            var losses = Enumerable.Range(1, 14).Except(gone).Select(b => (Block: b, Loss: Loss([.. gone, b]))).ToArray();
            Assert.Equal(losses.MinBy(l => l.Loss).Block, chosen.Block);
            // The chain runs the same operators; 16 blocks of float32 rounding move a mean over 254 tokens by less than 1e-5 nats.
            Assert.Equal(losses.Min(l => l.Loss), chosen.Score, 1e-5);
            gone.Add(chosen.Block);
        }

        double Loss(int[] blocks) => Perplexity.Measure(ModelRewriter.Apply(Books16.Map, Books16.Plan(blocks)).Blocks, set, 8, ExecutionTarget.Cpu).MeanNll;
    }

    [Theory]
    [InlineData(SelectionKind.Bi)]
    [InlineData(SelectionKind.Angular)]
    [InlineData(SelectionKind.Cka)]
    public void Protected_ends_stay_and_too_many_are_refused(SelectionKind kind)
    {
        using var seams = OriginalSeams.Of(CompensationFixture.Chain(Books16.Map), CompensationFixture.Test);
        var options = new PlanOptions { Method = Method.Drop, Count = 5, ProtectFirst = 6, ProtectLast = 5 };
        Assert.Equal(Enumerable.Range(6, 5), BlockSelector.Choose(kind, CompensationFixture.Chain(Books16.Map), seams, options).Blocks.AsEnumerable());
        var refused = Assert.Throws<RefusedException>(() => BlockSelector.Choose(kind, CompensationFixture.Chain(Books16.Map), seams, options with { Count = 6 }));
        Assert.Equal("MKA040", refused.Refusal.Code);
    }

    private static double[] Scores(string name) => [.. CompensationFixture.Oracle.GetProperty("scores").GetProperty(name).EnumerateArray().Select(e => e.GetDouble())];
}
