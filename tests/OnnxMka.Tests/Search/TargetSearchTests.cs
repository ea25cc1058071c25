using OnnxMka.Graph;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Steps.Reaching;

namespace OnnxMka.Tests.Search;

/// <summary>The number of blocks that a size or a loss means, against trying every number.</summary>
public sealed class TargetSearchTests
{
    private const int Most = 13;
    private static readonly Lazy<Tried[]> ByCount = new(() => [.. Enumerable.Range(0, Most + 1).Select(Tail)]);

    [Theory]
    [InlineData(14_000_000)]
    [InlineData(13_474_228)]
    [InlineData(13_474_227)]
    [InlineData(11_500_000)]
    [InlineData(5_000_000)]
    public void The_fewest_blocks_that_fit_go(long limit)
    {
        var expected = Enumerable.Range(0, Most + 1).First(n => Size(ByCount.Value[n]) <= limit);
        foreach (var least in new[] { 0, expected })
            Assert.Equal(expected, Search().BySize(limit, least, Size).Plan.Removed.Count());
    }

    [Fact]
    public void What_compensation_adds_counts()
    {
        var added = new TargetSearch<Tried>(
            Most, n => $"{n} blocks", n => ByCount.Value[n], r => r with { IsCorrected = true }, _ => { }, _ => { });
        var limit = Size(ByCount.Value[3]);
        Assert.Equal(4, added.BySize(limit, 0, r => Size(r) + (r.IsCorrected ? 1 : 0)).Plan.Removed.Count());
    }

    [Fact]
    public void A_size_that_no_number_reaches_is_refused() =>
        Assert.Equal("MKA061", Assert.Throws<RefusedException>(() => Search().BySize(1_000_000, 0, Size)).Refusal.Code);

    [Fact]
    public void As_many_blocks_go_as_keep_the_loss()
    {
        for (var most = 1; most <= Most; most++)
        {
            // Loss rises by a quarter nat a block; a rise of e^(n/4) - 1 allows n blocks.
            var limit = Math.Exp(most / 4.0) - 1 + 1e-9;
            Assert.Equal(most, Search().ByLoss(Loss.Of(3), limit, r => Loss.Of(3 + (r.Plan.Removed.Count() / 4.0))).Plan.Removed.Count());
        }

        var missed = Assert.Throws<QualityGateException>(
            () => Search().ByLoss(Loss.Of(3), 0.1, r => Loss.Of(3 + (r.Plan.Removed.Count() / 4.0))));
        Assert.Contains("28", missed.Message, StringComparison.Ordinal);
    }

    private static TargetSearch<Tried> Search() => new(Most, n => $"{n} blocks", n => ByCount.Value[n], r => r, _ => { }, _ => { });

    private static long Size(Tried tried) => ModelWriter.Plan(tried.Model.Model, "model.onnx").TotalBytes;

    private static Tried Tail(int count)
    {
        var plan = MergePlanner.Plan(Books16.Map, null, new PlanOptions { Method = Method.Drop, Order = Order.Tail, Count = count }, "");
        return new Tried(plan, ModelRewriter.Apply(Books16.Map, plan), false);
    }

    private sealed record Tried(MergePlan Plan, RewrittenModel Model, bool IsCorrected);
}
