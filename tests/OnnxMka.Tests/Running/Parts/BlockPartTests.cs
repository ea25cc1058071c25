using OnnxMka.Graph;
using OnnxMka.Running.Parts;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Running.Parts;

public sealed class BlockPartTests(FusedBooks16 fused) : IClassFixture<FusedBooks16>
{
    private static readonly StreamForm Stream = new(ElementType.Float, 128);

    [Fact]
    public void A_part_holds_its_own_weights_and_ports_and_no_others()
    {
        var block = Books16.Map.Blocks[5];
        var part = BlockPart.Of(Books16.Map.Model, Books16.Map, 5).Cut(Stream).Model.Graph;
        // The mask's past length is read from the cache of block 0.
        string[] inputs =
        [
            "attention_mask",
            "position_ids",
            "past_key_values.0.key",
            "past_key_values.5.key",
            "past_key_values.5.value",
            "onnx-mka.stream",
        ];
        Assert.Equal(
            inputs.Order(StringComparer.Ordinal),
            part.Inputs.Select(i => i.Name).Where(i => i != "input_ids").Order(StringComparer.Ordinal));
        Assert.Equal([block.Output.Value], part.Outputs.Select(o => o.Name));
        var own = block.Parameters.Select(p => p.Initializer).ToHashSet(StringComparer.Ordinal);
        Assert.Equal(
            own.Order(StringComparer.Ordinal),
            part.Initializers.Values.Where(
                t => t.ElementCount >= 128 && t.Type == ElementType.Float && !t.Name.Contains("rotary", StringComparison.Ordinal))
                .Select(t => t.Name)
                .Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Weights_of_a_part_stay_where_they_lie()
    {
        var part = BlockPart.Of(Books16.Map.Model, Books16.Map, 5).Cut(Stream).Model;
        foreach (var parameter in Books16.Map.Blocks[5].Parameters.Where(p => Books16.Map.Tensor(p.Initializer).Content is FileRange))
        {
            var (whole, cut) = (
                (FileRange)Books16.Map.Tensor(parameter.Initializer).Content,
                (FileRange)part.Graph.Initializers[parameter.Initializer].Content);
            Assert.Equal((whole.Path, whole.Offset, whole.Length), (cut.Path, cut.Offset, cut.Length));
        }
    }

    [Fact]
    public void Parts_divide_the_nodes_of_the_blocks()
    {
        for (var block = 0; block < 16; block++)
        {
            var part = BlockPart.Of(Books16.Map.Model, Books16.Map, block)
                .Cut(Stream).Model.Graph.Nodes
                .Select(n => n.Outputs[0])
                .ToHashSet(StringComparer.Ordinal);
            var others = Books16.Map.Blocks.Where(b => b.Index != block)
                .SelectMany(b => b.Nodes)
                .Select(n => Books16.Map.Model.Graph.Nodes[n].Outputs[0]);
            Assert.DoesNotContain(others, part.Contains);
        }
    }

    [Fact]
    public void A_fused_norm_at_the_start_becomes_a_plain_norm_of_the_stream()
    {
        var part = BlockPart.Of(fused.Map.Model, fused.Map, 5).Cut(Stream).Model.Graph;
        var norm = Assert.Single(part.Nodes, n => n.OpType == "SimplifiedLayerNormalization");
        Assert.Equal(["onnx-mka.stream", "model.layers.5.input_layernorm.weight"], norm.Inputs.AsEnumerable());
        Assert.Equal(1e-5f, norm.Float("epsilon", 0));
        // The one after attention, and the one at the end, which forms the sum.
        Assert.Equal(2, part.Nodes.Count(n => n.OpType == "SkipSimplifiedLayerNormalization"));
        Assert.Equal(["/model/layers.5/Add_1_output_0.fused"], part.Outputs.Select(o => o.Name));
    }

    /// <summary>A reshape of layer 10 takes its sizes from inside layer 3.</summary>
    [Fact]
    public void A_block_that_needs_the_inside_of_another_is_refused()
    {
        var model = ChainSamples.WithInput(
            Books16.Map.Model, "/model/layers.10/self_attn/Reshape_7", 1, "/model/layers.3/self_attn/Concat_11_output_0");
        var map = BlockDetector.Detect(model);
        var refused = Assert.Throws<RefusedException>(() => BlockPart.Of(model, map, 10));
        Assert.Equal("MKA024", refused.Refusal.Code);
        Assert.Contains(
            "it belongs to block 3, and block 10 needs it, so the model cannot be run block by block. Use --run whole.",
            refused.Message,
            StringComparison.Ordinal);
        Assert.Equal(9, BlockPart.Of(model, map, 9).Place);
    }

    [Fact]
    public void No_block_beyond_the_last() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => BlockPart.Of(Books16.Map.Model, Books16.Map, 16));
}
