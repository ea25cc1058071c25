using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;
using OnnxMka.Tests.Running.Parts;

namespace OnnxMka.Tests.Running.Sessions;

public sealed class MemoryEstimateTests
{
    private const long BlockBytes = 184_576 * 4;
    private const long Small = 200_000;
    private static readonly MemoryEstimate Estimate = Of(Books16.Map);

    [Fact]
    public void Whole_and_chain_differ_by_the_weights_that_the_chain_does_not_hold()
    {
        // The largest part is the prelude with its table of 2048 x 128, so all 16 blocks are saved.
        Assert.InRange(Estimate.Whole - Estimate.ChainParts!.Value, 16 * BlockBytes, (16 * BlockBytes) + Small);
    }

    [Fact]
    public void Seams_are_all_tokens_of_the_set()
    {
        Assert.Equal(10 * 32 * 128 * 4, Estimate.Seams);
        Assert.Equal(Estimate.ChainParts + Estimate.Seams, Estimate.Chain);
        var twice = Of(Books16.Map, ChainSamples.Set with { Samples = [.. ChainSamples.Set.Samples, .. ChainSamples.Set.Samples] });
        Assert.Equal(2 * Estimate.Seams, twice.Seams);
        // The pooled rows: one float a block, sample and column.
        Assert.Equal(Estimate.Whole + (16 * 10 * 128 * 4), twice.Whole);
    }

    [Fact]
    public void Larger_batches_need_more_work()
    {
        var doubled = MemoryEstimate.Of(Books16.Map, ChainSamples.Set, 8, ExecutionTarget.Cpu);
        var once = MemoryEstimate.Of(Books16.Map, ChainSamples.Set, 16, ExecutionTarget.Cpu).Whole - doubled.Whole;
        Assert.Equal(2 * (doubled.Whole - Estimate.Whole), once);
        // q, k, v, o, gate, up, down: (128+128) + 2(128+64) + (128+128) + 3(128+352), twice, and 3 x 32 x 2 scores; floats, 4 x 32 tokens
        // more.
        Assert.Equal(4 * 4 * 32 * ((2 * (256 + 384 + 256 + 1440)) + (3 * 32 * 2)), doubled.Whole - Estimate.Whole);
    }

    /// <summary>The CPU has no fp16 products and holds the weight twice as large; a device holds it as it is.</summary>
    [Fact]
    public void Half_precision_weights_are_widened_on_the_cpu_only()
    {
        var model = WithHalf(Books16.Map.Model, "/model/layers.3/mlp/down_proj/MatMul");
        var map = BlockDetector.Detect(model);
        var onCpu = MemoryEstimate.Of(map, ChainSamples.Set, 4, ExecutionTarget.Cpu).Whole;
        var onDevice = MemoryEstimate.Of(map, ChainSamples.Set, 4, ExecutionTarget.Cpu with { Name = "CUDA" }).Whole;
        Assert.Equal(352 * 128 * 2, onCpu - onDevice);
    }

    [Fact]
    public void The_whole_model_runs_where_it_fits()
    {
        Assert.Equal(RunMode.Whole, Estimate.Choose(Estimate.Whole));
        Assert.Equal(RunMode.Chain, Estimate.Choose(Estimate.Whole - 1));
        Assert.Equal(RunMode.Chain, Estimate.Choose(0));
        Assert.Equal(RunMode.Whole, (Estimate with { ChainParts = null }).Choose(0));
    }

    [Fact]
    public void What_the_parts_leave_goes_to_the_seams()
    {
        Assert.Equal(0, Estimate.SeamMemory(Estimate.ChainParts!.Value - 1));
        Assert.Equal(1000, Estimate.SeamMemory(Estimate.ChainParts.Value + 1000));
        Assert.Equal(Estimate.Seams, Estimate.SeamMemory(long.MaxValue));
    }

    [Fact]
    public void There_is_no_chain_where_blocks_need_each_other()
    {
        var model = ChainSamples.WithInput(
            Books16.Map.Model, "/model/layers.10/self_attn/Reshape_7", 1, "/model/layers.3/self_attn/Concat_11_output_0");
        var estimate = Of(BlockDetector.Detect(model));
        Assert.Null(estimate.Chain);
        Assert.InRange(estimate.Whole - Estimate.Whole, -Small, Small);
    }

    private static MemoryEstimate Of(BlockMap map, CalibrationSet? set = null) =>
        MemoryEstimate.Of(map, set ?? ChainSamples.Set, 4, ExecutionTarget.Cpu);

    private static OnnxModel WithHalf(OnnxModel model, string matMul)
    {
        var node = model.Graph.Nodes.Single(n => n.Name == matMul);
        var script = new EditScript();
        script.Add(
            "test",
            new GraphEdit.AddInitializer(
                new TensorRef("half", ElementType.Float16, [352, 128], new MemoryBytes(new byte[352 * 128 * 2])), null));
        script.Add(
            "test",
            new GraphEdit.AddNode(
                new NodeSpec(
                    "Cast", ["half"], ["half/float"], "half/cast", Attributes: ImmutableDictionary<string, object>.Empty.Add("to", 1L))));
        script.Add("test", new GraphEdit.SetInput(node.Index, 1, "half/float"));
        return GraphEditor.Apply(model, script);
    }
}
