using OnnxMka.Rewriting;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Rewriting;

public sealed class BlockPruneTests
{
    [Fact]
    public void Nothing_of_a_removed_block_is_left_and_nothing_else_is_touched()
    {
        var plan = Books16.Plan([0, 7, 8, 15]);
        var rewritten = ModelRewriter.Apply(Books16.Map, plan, keepNames: true);
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

    [Fact]
    public void Names_follow_the_new_numbers_and_shared_nodes_keep_theirs()
    {
        var model = ModelRewriter.Apply(Books16.Map, Books16.Plan([0, 7, 8])).Model;
        var names = model.Graph.Nodes.Select(n => n.Name).ToHashSet(StringComparer.Ordinal);
        Assert.Contains("/model/layers.12/mlp/down_proj/MatMul", names);
        Assert.DoesNotContain(names, n => n.StartsWith("/model/layers.13/", StringComparison.Ordinal));
        // Read by all layers: it keeps its name, and the new layer 0's own node of that name steps aside.
        Assert.Contains("/model/layers.0/self_attn/Unsqueeze_6", names);
        Assert.Contains("model.layers.12.input_layernorm.weight", model.Graph.Initializers.Keys);
        Assert.DoesNotContain("model.layers.15.input_layernorm.weight", model.Graph.Initializers.Keys);
        var last = BlockDetector.Detect(model).Blocks[^1];
        Assert.Equal("/model/layers.12/Add_1_output_0", last.Output.Value);
    }
}
