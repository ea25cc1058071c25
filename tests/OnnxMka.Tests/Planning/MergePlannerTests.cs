using System.Collections.Immutable;
using OnnxMka.Planning;

namespace OnnxMka.Tests.Planning;

public sealed class MergePlannerTests
{
    [Fact]
    public void The_most_similar_neighbours_go_first()
    {
        var plan = Plan(Table((5, 0.9), (9, 0.8)), new PlanOptions { Count = 2 });
        Assert.Equal([(5, 6, 0.9), (9, 10, 0.8)], plan.Steps.Select(s => (s.Into!.Value, s.From, s.Alpha)));
        Assert.Equal([6, 10], plan.Removed);
    }

    [Fact]
    public void Weights_of_a_chain_multiply_and_sum_to_1()
    {
        // 5+6 at 0.9; the group ends at seam 6, whose similarity with seam 7 is 0.8.
        var plan = Plan(Table((5, 0.9), (6, 0.8)), new PlanOptions { Count = 2 });
        var weights = plan.Groups.Single(g => g.IsMerge).Weights;
        Assert.Equal([5, 6, 7], weights.Keys);
        Assert.Equal(0.8 * 0.9, weights[5], 1e-15);
        Assert.Equal(0.8 * (1 - 0.9), weights[6], 1e-15);
        Assert.Equal(1 - 0.8, weights[7], 1e-15);
    }

    [Fact]
    public void Low_similarity_keeps_half_and_no_more_is_given_away()
    {
        var plan = Plan(Table((5, 0.31)), new PlanOptions { Count = 1 });
        Assert.Equal(0.5, plan.Steps.Single().Alpha);
        Assert.Equal(0.31, plan.Steps.Single().Similarity);
    }

    [Fact]
    public void Tail_takes_the_last_unprotected_pair_each_time()
    {
        var plan = Plan(null, new PlanOptions { Count = 3, Order = Order.Tail, Alpha = 0.62 });
        Assert.Equal([(13, 14), (12, 13), (11, 12)], plan.Steps.Select(s => (s.Into!.Value, s.From)));
        Assert.Equal([12, 13, 14], plan.Removed);
    }

    [Fact]
    public void Protected_ends_stay()
    {
        var plan = Plan(Table((0, 0.99), (14, 0.98), (2, 0.97)), new PlanOptions { Count = 1, ProtectFirst = 2, ProtectLast = 3 });
        Assert.Equal(3, plan.Steps.Single().From);
        Assert.Contains(plan.Rejected, r => r is { Left: 1, Right: 2 } && r.Reason.Contains("protected", StringComparison.Ordinal));
        var refused = Assert.Throws<RefusedException>(() => Plan(Table(), new PlanOptions { Count = 15 }));
        Assert.Equal("MKA040", refused.Refusal.Code);
    }

    [Fact]
    public void Named_blocks_are_dropped_or_merged_into_the_block_before()
    {
        var dropped = Plan(null, new PlanOptions { Named = [0, 7, 15], Method = Method.Drop });
        Assert.Equal([0, 7, 15], dropped.Removed);
        Assert.All(dropped.Groups, g => Assert.False(g.IsMerge));
        var merged = Plan(null, new PlanOptions { Named = [3, 4], Alpha = 0.75 });
        var group = merged.Groups.Single(g => g.IsMerge);
        Assert.Equal(2, group.Block);
        Assert.Equal([0.5625, 0.1875, 0.25], group.Weights.Values);
    }

    [Fact]
    public void Ties_are_decided_by_place_so_that_plans_repeat()
    {
        var plan = Plan(Table((4, 0.9), (8, 0.9)), new PlanOptions { Count = 1 });
        Assert.Equal(5, plan.Steps.Single().From);
    }

    [Theory]
    [InlineData(0.4, 32, 13)]
    [InlineData(0.4, 16, 6)]
    [InlineData(0.375, 16, 6)]
    [InlineData(0.5, 5, 3)]
    [InlineData(0, 16, 0)]
    public void A_ratio_means_the_nearest_number_of_blocks(double ratio, int blocks, int removed) =>
        Assert.Equal(removed, PlanOptions.ForRatio(ratio, blocks));

    [Fact]
    public void Plans_survive_json_and_edited_nonsense_is_refused()
    {
        var plan = Plan(Table((5, 0.9)), new PlanOptions { Count = 2 });
        var json = PlanJson.Write(plan);
        Assert.Equal(json, PlanJson.Write(PlanJson.Read(json, "plan.json")));
        Assert.Equal("MKA042", Assert.Throws<RefusedException>(() => PlanJson.Read("[]", "p")).Refusal.Code);
        Assert.Equal(
            "MKA042",
            Assert.Throws<RefusedException>(() => PlanJson.Read(json.Replace("0.9", "0.7", StringComparison.Ordinal), "p")).Refusal.Code);
        Assert.Equal(
            "MKA042",
            Assert.Throws<RefusedException>(
                () => PlanJson.Read(json.Replace("\"version\": 1", "\"version\": 2", StringComparison.Ordinal), "p")).Refusal.Code);
    }

    /// <summary>What a plan gives away is a share: no weight is negative, none above the whole.</summary>
    [Theory]
    [InlineData("\"2\": 1.5,\n          \"3\": -0.5", "not from 0 to 1")]
    [InlineData("\"2\": 1e308,\n          \"3\": -1e308", "not from 0 to 1")]
    [InlineData("\"2\": 1e400,\n          \"3\": 0.1", "not from 0 to 1")]
    [InlineData("\"2\": 1,\n          \"3\": -1e-300", "not from 0 to 1")]
    [InlineData("\"2\": \"NaN\",\n          \"3\": 0.1", "it is no plan")]
    [InlineData("\"2\": NaN,\n          \"3\": 0.1", "it is no plan")]
    [InlineData("\"2\": 0.9,\n          \"3\": 0.100002", "do not sum to 1")]
    [InlineData("\"2\": 0.9,\n          \"30\": 0.1", "blocks of the model")]
    public void Weights_that_are_no_shares_are_refused(string weights, string why)
    {
        var json = PlanJson.Write(Books16.Plan([3], (2, [(2, 0.9), (3, 0.1)])));
        const string Convex = "\"2\": 0.9,\n          \"3\": 0.1";
        Assert.Contains(Convex, json, StringComparison.Ordinal);
        PlanJson.Read(json.Replace(Convex, "\"2\": 0.9000004,\n          \"3\": 0.0999996", StringComparison.Ordinal), "p");
        var refusal = Assert.Throws<RefusedException>(
            () => PlanJson.Read(json.Replace(Convex, weights, StringComparison.Ordinal), "p")).Refusal;
        Assert.Equal("MKA042", refusal.Code);
        Assert.Contains(why, refusal.What, StringComparison.Ordinal);
    }

    /// <summary>
    /// Fitted shares may lie outside 0 to 1, but not where the rounding of a stored weight becomes as large as the weight.
    /// </summary>
    [Theory]
    [InlineData(1.2, true)]
    [InlineData(-200, true)]
    [InlineData(300, false)]
    [InlineData(1e308, false)]
    public void Fitted_shares_are_bounded(double share, bool taken)
    {
        var plan = Books16.Plan([3], (2, [(2, 0.9), (3, 0.1)]));
        var fitted = new FittedWeights("x", ImmutableSortedDictionary<int, double>.Empty.Add(2, share).Add(3, 1 - share));
        var json = PlanJson.Write(plan with { Groups = [.. plan.Groups.Select(g => g.IsMerge ? g with { Fitted = [fitted] } : g)] });
        if (taken) PlanJson.Read(json, "p");
        else Assert.Contains(
            "the fitted weights of block 2",
            Assert.Throws<RefusedException>(() => PlanJson.Read(json, "p")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_plan_with_any_value_of_any_type_is_read_or_refused()
    {
        var json = PlanJson.Write(
            Books16.Plan([3], (2, [(2, 0.9), (3, 0.1)])) with
            {
                Steps = [new MergeStep(2, 3, 0.9, 0.9)],
                Rejected = [new RejectedPair(0, 1, "protected")],
            });
        JsonDamage.AssertReadOrRefused(json, "MKA042", 100, damaged =>
        {
            var plan = PlanJson.Read(damaged, "p");
            _ = plan.Steps.Select(s => plan.NameOf(s.From))
                .Concat(plan.Rejected.Select(r => r.Reason))
                .Concat(plan.AsDrop().Groups.Select(g => plan.NameOf(g.Block)))
                .ToArray();
        });
    }

    private static MergePlan Plan(SimilarityTable? table, PlanOptions options) => MergePlanner.Plan(Books16.Map, table, options, "f");

    /// <summary>0.1 for every pair of neighbours but those named by their left seam.</summary>
    private static SimilarityTable Table(params (int Left, double Similarity)[] high)
    {
        var rows = Enumerable.Range(0, 16).Select(i => Enumerable.Range(0, 16).Select(j =>
            i == j ? 1
                : Math.Abs(i - j) == 1 && high.Any(h => h.Left == Math.Min(i, j)) ? high.First(h => h.Left == Math.Min(i, j)).Similarity
                : 0.1).ToImmutableArray());
        return new SimilarityTable([.. rows]);
    }
}
