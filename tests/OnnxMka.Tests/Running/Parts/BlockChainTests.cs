using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;

namespace OnnxMka.Tests.Running.Parts;

public sealed class BlockChainTests(FusedBooks16 fused) : IClassFixture<FusedBooks16>
{
    [Fact]
    public void Logits_equal_those_of_the_whole_model()
    {
        var whole = ChainSamples.WholeLogits(Books16.Map.Model, Books16.Map);
        var chain = BlockChain.Of(Books16.Map, ExecutionTarget.Cpu, ChainSamples.Options);
        var logits = ChainSamples.ChainLogits(chain, ChainSamples.Blocks(Books16.Map));
        Assert.InRange(Compare.Relative(whole, logits), 0, ChainSamples.Tolerance);
        // The same blocks with two of them in the other order: far beyond the tolerance.
        var swapped = ChainSamples.Blocks(Books16.Map, 8, 9).Concat(ChainSamples.Blocks(Books16.Map).Skip(8).Take(2).Reverse());
        Assert.True(Compare.Relative(whole, ChainSamples.ChainLogits(chain, swapped)) > 1000 * ChainSamples.Tolerance);
    }

    [Fact]
    public void Logits_equal_those_of_the_whole_model_with_fused_seams()
    {
        var whole = ChainSamples.WholeLogits(fused.Map.Model, fused.Map);
        var chain = BlockChain.Of(fused.Map, ExecutionTarget.Cpu, ChainSamples.Options);
        Assert.InRange(Compare.Relative(whole, ChainSamples.ChainLogits(chain, ChainSamples.Blocks(fused.Map))), 0, ChainSamples.Tolerance);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_chain_without_a_block_equals_the_model_rewritten_without_it(bool fusedSeams)
    {
        var map = fusedSeams ? fused.Map : Books16.Map;
        var rewritten = ModelRewriter.Apply(map, Books16.Plan([7, 8])).Blocks;
        var whole = ChainSamples.WholeLogits(rewritten.Model, rewritten);
        var chain = BlockChain.Of(map, ExecutionTarget.Cpu, ChainSamples.Options);
        Assert.InRange(Compare.Relative(whole, ChainSamples.ChainLogits(chain, ChainSamples.Blocks(map, 7, 8))), 0, ChainSamples.Tolerance);
        Assert.True(Compare.Relative(whole, ChainSamples.ChainLogits(chain, ChainSamples.Blocks(map, 7))) > 1000 * ChainSamples.Tolerance);
    }

    [Fact]
    public void A_changed_block_is_run_from_a_kept_seam()
    {
        var map = Books16.Map;
        var edited = ChainSamples.WithWeight(map.Model, ChainSamples.DownProjection(map), 777, 1f);
        var chain = BlockChain.Of(map, ExecutionTarget.Cpu, ChainSamples.Options);
        using var kept = chain.RunPrelude(ChainSamples.Set);
        chain.Advance(BlockPart.Of(map.Model, map, 0), [kept]);
        foreach (var part in ChainSamples.Blocks(map).Take(7).Skip(1)) chain.Advance(part, [kept]);
        var before = ChainSamples.Bytes(kept);
        using var changed = chain.RunBlock(BlockPart.Of(edited, map, 7), kept);
        using var unchanged = chain.RunBlock(7, kept);
        Assert.Equal(before, ChainSamples.Bytes(kept));
        foreach (var part in ChainSamples.Blocks(map).Skip(8)) chain.Advance(part, [changed, unchanged]);
        Assert.InRange(
            Compare.Relative(ChainSamples.WholeLogits(edited, map), ChainSamples.Logits(chain, changed)), 0, ChainSamples.Tolerance);
        Assert.InRange(
            Compare.Relative(ChainSamples.WholeLogits(map.Model, map), ChainSamples.Logits(chain, unchanged)), 0, ChainSamples.Tolerance);
    }

    /// <summary>Nodes before the fused norm shift its index: the seam is found again by the norm's name.</summary>
    [Fact]
    public void A_block_with_an_added_node_is_run_although_its_indices_moved()
    {
        var map = fused.Map;
        var script = new EditScript();
        var first = map.Blocks[0].Nodes.Select(n => map.Model.Graph.Nodes[n]).First(n => n.OpType == "MatMul");
        script.Add("test", new GraphEdit.AddNode(new NodeSpec("Identity", [first.Inputs[0]], ["test/copy"], "test/copy")));
        script.Add("test", new GraphEdit.SetInput(first.Index, 0, "test/copy"));
        var edited = GraphEditor.Apply(map.Model, script);
        Assert.NotEqual(
            map.Model.Graph.Nodes[map.Blocks[5].Input.SkipNorm!.Value].Name, edited.Graph.Nodes[map.Blocks[5].Input.SkipNorm!.Value].Name);
        var chain = BlockChain.Of(map, ExecutionTarget.Cpu, ChainSamples.Options);
        var parts = Enumerable.Range(0, map.Count).Select(b => BlockPart.Of(edited, map, b));
        Assert.Equal(ChainSamples.ChainLogits(chain, ChainSamples.Blocks(map)), ChainSamples.ChainLogits(chain, parts));
    }

    [Fact]
    public void Several_streams_move_as_each_would_alone()
    {
        var chain = BlockChain.Of(Books16.Map, ExecutionTarget.Cpu, ChainSamples.Options);
        using var first = chain.RunPrelude(ChainSamples.Set);
        using var second = chain.RunBlock(0, first);
        using var alone = chain.RunBlock(5, first);
        using var alsoAlone = chain.RunBlock(5, second);
        chain.Advance(BlockPart.Of(Books16.Map.Model, Books16.Map, 5), [first, second]);
        Assert.Equal(ChainSamples.Bytes(alone), ChainSamples.Bytes(first));
        Assert.Equal(ChainSamples.Bytes(alsoAlone), ChainSamples.Bytes(second));
        Assert.NotEqual(ChainSamples.Bytes(first), ChainSamples.Bytes(second));
    }

    [Fact]
    public void Values_inside_a_block_can_be_tapped()
    {
        const string Value = "/model/layers.1/mlp/Mul_output_0";
        var script = new EditScript();
        script.Add("test", new GraphEdit.AddOutputPort(Value, ElementType.Float));
        var tapped = GraphEditor.Apply(Books16.Map.Model, script);
        using var session = DecoderSession.Load(Books16.Map with { Model = tapped }, ExecutionTarget.Cpu);
        var chain = BlockChain.Of(Books16.Map, ExecutionTarget.Cpu, ChainSamples.Options);
        using var prelude = chain.RunPrelude(ChainSamples.Set);
        using var seam = chain.RunBlock(0, prelude);
        var batches = new List<int>();
        var part = BlockPart.Of(Books16.Map.Model, Books16.Map, 1).Tapping(Value);
        using var output = chain.RunBlock(part, seam, (tap, first, samples, values) =>
        {
            var ids = ChainSamples.Set.Samples.Skip(first).Take(samples).SelectMany(s => s).ToArray();
            Assert.Equal(0, tap);
            Assert.InRange(Compare.Relative(session.Outputs(ids, samples, [Value])[0].Values, values.ToArray()), 0, ChainSamples.Tolerance);
            batches.Add(samples);
        });
        Assert.Equal([4, 4, 2], batches);
        using var untapped = chain.RunBlock(1, seam);
        Assert.Equal(ChainSamples.Bytes(untapped), ChainSamples.Bytes(output));
    }
}
