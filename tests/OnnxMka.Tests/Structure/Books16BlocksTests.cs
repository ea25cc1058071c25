namespace OnnxMka.Tests.Structure;

public sealed class Books16BlocksTests
{
    [Fact]
    public void Sixteen_equal_blocks_are_found()
    {
        Assert.Equal(16, Books16.Map.Count);
        Assert.All(Books16.Map.Blocks, b => Assert.Equal(0, b.Kind));
        // q, k, v, o, gate, up, down and two norms.
        Assert.All(Books16.Map.Blocks, b => Assert.Equal(9, b.Parameters.Length));
        Assert.All(Books16.Map.Blocks, b => Assert.Equal(184_576, Books16.Map.ParameterCount(b)));
    }

    [Fact]
    public void Ports_belong_to_their_blocks()
    {
        foreach (var block in Books16.Map.Blocks)
        {
            Assert.Equal(
                [$"past_key_values.{block.Index}.key", $"past_key_values.{block.Index}.value"], block.KvInputs.Select(p => p.Name));
            Assert.Equal([$"present.{block.Index}.key", $"present.{block.Index}.value"], block.KvOutputs.Select(p => p.Name));
        }
    }

    [Fact]
    public void Seams_are_the_residual_additions_not_their_casts()
    {
        Assert.Equal("/model/embed_tokens/Gather_output_0", Books16.Map.Blocks[0].Input.Value);
        Assert.All(Books16.Map.Blocks, b => Assert.Equal($"/model/layers.{b.Index}/Add_1_output_0", b.Output.Value));
    }

    [Fact]
    public void Equal_roles_stand_at_equal_positions()
    {
        var roles = Books16.Map.Blocks[0].Parameters.Select(p => p.Role).ToArray();
        Assert.All(Books16.Map.Blocks, b => Assert.Equal(roles, b.Parameters.Select(p => p.Role)));
        Assert.Contains("mlp/down_proj", roles);
    }

    [Fact]
    public void Nodes_that_all_layers_read_belong_to_no_block()
    {
        var first = Books16.Map.Blocks[0].Nodes.Select(n => Books16.Map.Model.Graph.Nodes[n].Name);
        Assert.DoesNotContain("/model/layers.0/self_attn/Unsqueeze_6", first);
    }
}
