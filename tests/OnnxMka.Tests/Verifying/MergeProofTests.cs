using OnnxMka.Graph.Editing;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Verification;

namespace OnnxMka.Tests.Verifying;

/// <summary>Every merged weight is looked for in what was written.</summary>
public sealed class MergeProofTests
{
    private static readonly MergePlan Merge =
        MergePlanner.Plan(SmallDecoder.Map, null, new PlanOptions { Named = [3], Method = Method.Mka, Alpha = 0.5 }, "");

    /// <summary>In a damaged file a weight may be read by nothing but what nobody reads: it goes with that.</summary>
    [Fact]
    public void A_weight_that_no_output_depends_on_goes_without_a_proof()
    {
        var script = new EditScript();
        var like = SmallDecoder.Map.Tensor(SmallDecoder.Map.Blocks[0].Parameters[0].Initializer);
        script.Add("test", new GraphEdit.AddInitializer(like with { Name = "spare" }, null));
        script.Add("test", new GraphEdit.AddNode(new NodeSpec("Neg", ["spare"], ["negative"], "Neg")));
        var map = SmallDecoder.Map with { Model = GraphEditor.Apply(SmallDecoder.Map.Model, script) };
        var rewritten = ModelRewriter.Apply(map, Merge);
        var gone = rewritten.Merged[0] with { Name = "spare", Kept = "spare" };
        Assert.DoesNotContain("spare", rewritten.Model.Graph.Initializers.Keys);
        var proven = MergeProof.Measure(map, rewritten with { Merged = [gone, .. rewritten.Merged] }, rewritten.Model);
        Assert.Equal(rewritten.Merged.Length, proven.Length);
    }

    [Fact]
    public void A_weight_that_is_used_and_lost_is_an_error()
    {
        var rewritten = ModelRewriter.Apply(SmallDecoder.Map, Merge);
        Assert.Equal(rewritten.Merged.Length, MergeProof.Measure(SmallDecoder.Map, rewritten, rewritten.Model).Length);
        var lost = rewritten with { Merged = [.. rewritten.Merged.Select((m, i) => i == 2 ? m with { Name = "elsewhere" } : m)] };
        Assert.Contains(
            "elsewhere",
            Assert.Throws<VerificationException>(() => MergeProof.Measure(SmallDecoder.Map, lost, lost.Model)).Message,
            StringComparison.Ordinal);
    }
}
