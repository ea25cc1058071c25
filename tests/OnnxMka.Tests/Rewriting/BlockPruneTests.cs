using OnnxMka.Blocks;
using OnnxMka.Rewriting;

namespace OnnxMka.Tests.Rewriting;

public sealed class BlockPruneTests
{
    [Fact]
    public void Nothing_of_a_removed_block_is_left_and_nothing_else_is_touched()
    {
        var plan = Books16.Plan([0, 7, 8, 15]);
        var rewritten = ModelRewriter.Apply(Books16.Map, plan);
        var map = BlockDetector.Detect(rewritten.Model);
        Assert.Equal(12, map.Count);
        var removedNodes = plan.Removed.Sum(b => Books16.Map.Blocks[b].Nodes.Length);
        Assert.Equal(Books16.Map.Model.Graph.Nodes.Count - removedNodes, rewritten.Model.Graph.Nodes.Count);
        Assert.Equal(Books16.Map.Model.Graph.Initializers.Count - (4 * 9), rewritten.Model.Graph.Initializers.Count);
        var before = Books16.Map.Model.Graph.Nodes.ToDictionary(n => n.Name, n => n.OpType, StringComparer.Ordinal);
        Assert.All(rewritten.Model.Graph.Nodes, n => Assert.Equal(before[n.Name], n.OpType));
    }

    [Fact]
    public void Ports_are_numbered_without_gaps_in_their_old_order()
    {
        var rewritten = ModelRewriter.Apply(Books16.Map, Books16.Plan([0, 7, 8]));
        var expected = Enumerable.Range(0, 13).SelectMany(i => new[] { $"past_key_values.{i}.key", $"past_key_values.{i}.value" });
        Assert.Equal(["input_ids", "attention_mask", "position_ids", .. expected], rewritten.Model.Graph.Inputs.Select(i => i.Name));
        Assert.Equal("past_key_values.6.key", rewritten.Ports["past_key_values.9.key"]);
        Assert.Equal("[1,2,3,4,5,6,9,10,11,12,13,14,15]", rewritten.Model.Metadata[ModelRewriter.LayerMapKey]);
    }

    [Fact]
    public void The_past_length_is_read_from_a_cache_that_is_left()
    {
        var rewritten = ModelRewriter.Apply(Books16.Map, Books16.Plan([0]));
        var shape = rewritten.Model.Graph.Nodes.Single(n => n.Name == "/model/Shape");
        Assert.Equal("past_key_values.0.key", shape.Inputs[0]);
    }
}
