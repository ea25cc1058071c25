namespace OnnxMka.Forge.Tests;

public sealed class DecoderModelTests
{
    public static TheoryData<string> Names => [.. Presets.Accepted.Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_block_can_be_left_out_and_leaves_its_mark(string name)
    {
        var model = Presets.ByName(name).Model();
        var whole = Runs.Prefill(model);
        int[] last = [model.Spec.Blocks.Length - 1];
        foreach (int[] removed in new[] { [0], [1, 2], last })
        {
            var shorter = model.Without(removed);
            Assert.Equal(model.Spec.Blocks.Length - removed.Length, shorter.Spec.Blocks.Length);
            var logits = Runs.Prefill(shorter);
            Assert.True(LogitTolerance.Distance(whole, logits) > Runs.Tolerance(model, whole));
        }
    }

    [Theory]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama))]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqa))]
    [InlineData(nameof(LlamaPresets.DynamoLocalFunctions))]
    [InlineData(nameof(TopologyPresets.FalconParallel))]
    public void Leaving_out_a_block_that_adds_nothing_changes_nothing(string name)
    {
        var model = Presets.ByName(name).Model();
        var silent = model with
        {
            Weights = model.Weights.With(1, Role.Output, Zeros(model, Role.Output)).With(1, Role.Down, Zeros(model, Role.Down)),
        };
        var logits = Runs.Prefill(silent);
        Assert.InRange(LogitTolerance.Distance(logits, Runs.Prefill(silent.Without(1))), 0, Runs.Tolerance(model, logits));
    }

    [Fact]
    public void Survivors_keep_their_own_attributes()
    {
        var model = MixedPresets.SlidingAlternating.Model();
        var kept = model.Without(1, 2);
        Assert.Equal([0, 3, 4, 5], kept.Spec.Blocks.Select(b => model.Spec.Blocks.IndexOf(b)).Zip([0, 3, 4, 5], (_, i) => i));
        Assert.Equal([0, 6, 0, 6], kept.Spec.Blocks.Select(b => b.Window));
        Assert.Same(model.Weights.Blocks[3], kept.Weights.Blocks[1]);
    }

    [Fact]
    public void A_merge_is_the_weighted_sum_at_the_place_of_the_first()
    {
        var model = LlamaPresets.TorchScriptLlama.Model();
        var merged = model.Merged(MergeGroup.Of((1, 0.25), (3, 0.75)));
        Assert.Equal(3, merged.Spec.Blocks.Length);
        Assert.Same(model.Weights.Blocks[2], merged.Weights.Blocks[2]);
        foreach (var (role, tensor) in merged.Weights.Blocks[1])
        {
            var (a, b) = (model.Weights.Blocks[1][role], model.Weights.Blocks[3][role]);
            for (var i = 0; i < tensor.Count; i++) Assert.Equal((float)(0.25 * a.Span[i] + 0.75 * b.Span[i]), tensor.Span[i]);
        }
    }

    [Fact]
    public void Merging_equal_blocks_gives_their_weights_bit_for_bit()
    {
        var model = LlamaPresets.GenAiLlamaGqa.Model();
        foreach (var (role, tensor) in model.Weights.Blocks[0]) model = model with { Weights = model.Weights.With(1, role, tensor) };
        var merged = model.Merged(MergeGroup.Of((0, 0.5), (1, 0.5)));
        Assert.All(merged.Weights.Blocks[0], p => Assert.True(p.Value.Same(model.Weights.Blocks[0][p.Key])));
    }

    [Fact]
    public void What_makes_no_sense_is_refused()
    {
        var model = LlamaPresets.TorchScriptLlama.Model();
        Assert.Throws<ArgumentException>(() => model.Without(0, 1, 2, 3));
        Assert.ThrowsAny<ArgumentException>(() => model.Without(4));
        Assert.Throws<ArgumentException>(() => model.Merged(MergeGroup.Of((0, 0.5), (1, 0.5)), MergeGroup.Of((1, 0.5), (2, 0.5))));
        Assert.Throws<ArgumentException>(() => RefusedPresets.SharedKv.Model().Without(1));
    }

    private static WeightTensor Zeros(DecoderModel model, Role role) => model.Weights.Blocks[1][role].Map(_ => 0);
}
