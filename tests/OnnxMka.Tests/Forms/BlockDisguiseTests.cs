using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Outcomes;
using OnnxMka.Rewriting;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Tokens;
using OnnxMka.Verification;

namespace OnnxMka.Tests.Forms;

/// <summary>Operators inside the layers that no exporter's form has.</summary>
public sealed class BlockDisguiseTests
{
    private static readonly DecoderModel _llama = LlamaPresets.TorchScriptLlama.Model();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_convolution_of_kernel_one_is_a_projection(int kernel)
    {
        using var form = new FormModel(_llama, m => Disguises.Convolutions(m, kernel));
        AssertDrops(form);
        if (kernel > 1)
        {
            Assert.Equal(
                "MKA043", Assert.Throws<RefusedException>(() => ModelRewriter.Apply(form.Map, form.Merge(1, 2, 0.7))).Refusal.Code);
            return;
        }

        var (difference, tolerance) = form.Compare(form.Merge(1, 2, 0.7), form.Merged(1, 2, 0.7));
        Assert.True(difference <= tolerance, $"{difference:e2}, at most {tolerance:e2}");
        Assert.True(form.Compare(form.Merge(1, 2, 0.6), form.Merged(1, 2, 0.7)).Difference > tolerance);
    }

    private static readonly Dictionary<string, Func<byte[], Func<int, float>, byte[]>> _factors = new(StringComparer.Ordinal)
    {
        [nameof(Disguises.ShapedConstants)] = Disguises.ShapedConstants,
        [nameof(Disguises.SparseConstants)] = Disguises.SparseConstants,
        [nameof(Disguises.BranchedConstants)] = Disguises.BranchedConstants,
    };

    [Theory]
    [InlineData(nameof(Disguises.ShapedConstants))]
    [InlineData(nameof(Disguises.SparseConstants))]
    [InlineData(nameof(Disguises.BranchedConstants))]
    public void Blocks_that_differ_in_a_constant_of_an_attribute_are_of_different_kinds(string disguise)
    {
        // One unit in the last place: another content, and logits within the tolerance of the same decoder without factors.
        using var form = new FormModel(_llama, m => _factors[disguise](m, layer => layer == 2 ? MathF.BitIncrement(1) : 1));
        AssertDrops(form);
        Assert.Equal("MKA041", Assert.Throws<RefusedException>(() => ModelRewriter.Apply(form.Map, form.Merge(1, 2, 0.7))).Refusal.Code);
        var (difference, tolerance) = form.Compare(form.Merge(0, 1, 0.7), form.Merged(0, 1, 0.7));
        Assert.True(difference <= tolerance, $"{difference:e2}, at most {tolerance:e2}");
    }

    [Fact]
    public void Learned_scalars_of_the_stream_are_merged_as_weights_are()
    {
        // What the scalar does, done by the matrix before it: exact powers of two, so that both are rounded alike.
        static float Scale(int layer) => MathF.ScaleB(1, -layer);
        using var form = new FormModel(_llama, m => Disguises.LearnedScales(m, Scale));
        using var same = new FormModel(
            _llama with
            {
                Weights = _llama.Weights with
                {
                    Blocks = [.. _llama.Weights.Blocks.Select((b, i) => b.SetItem(Role.Down, b[Role.Down].Map(v => v * Scale(i))))],
                },
            });
        Assert.Single(form.Map.Blocks.Select(b => b.Kind).Distinct());
        Assert.Equal(same.Map.Blocks[0].Parameters.Length + 1, form.Map.Blocks[0].Parameters.Length);
        var (difference, tolerance) = form.Compare(form.Drop(1), same.Without(1));
        Assert.True(difference <= tolerance, $"{difference:e2}, at most {tolerance:e2}");
        var merged = ModelRewriter.Apply(form.Map, form.Merge(1, 2, 0.75));
        var scale = Assert.Single(merged.Merged, p => merged.Model.Graph.Initializers[p.Name].ElementCount == 1);
        using var reader = new TensorReader();
        Assert.Equal(
            (0.75f * Scale(1)) + (0.25f * Scale(2)), Assert.Single(reader.ReadFloats(merged.Model.Graph.Initializers[scale.Name])));
        // Merged it is (a W)(mean) no longer, but mean(a) mean(W): built so afresh.
        var mean = _llama.Merged(Forge.MergeGroup.Of((1, 0.75), (2, 0.25)));
        var scales = new[] { Scale(0), (0.75f * Scale(1)) + (0.25f * Scale(2)), Scale(3) };
        var reference = mean with
        {
            Weights = mean.Weights with
            {
                Blocks = [.. mean.Weights.Blocks.Select((b, i) => b.SetItem(Role.Down, b[Role.Down].Map(v => v * scales[i])))],
            },
        };
        (difference, tolerance) = form.Compare(form.Merge(1, 2, 0.75), reference);
        Assert.True(difference <= tolerance, $"{difference:e2}, at most {tolerance:e2}");
        Assert.True(form.Compare(form.Merge(1, 2, 0.75), mean).Difference > tolerance);
    }

    [Fact]
    public void Weights_inside_a_subgraph_are_dropped_but_not_merged()
    {
        using var form = new FormModel(_llama, Disguises.BranchedProducts);
        AssertDrops(form);
        Assert.Single(form.Map.Blocks.Select(b => b.Kind).Distinct());
        var refused = Assert.Throws<RefusedException>(() => ModelRewriter.Apply(form.Map, form.Merge(1, 2, 0.7)));
        Assert.Equal("MKA043", refused.Refusal.Code);
        Assert.Contains("stand in a subgraph", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Attention_outside_the_blocks_is_refused()
    {
        using var plain = new FormModel(_llama);
        var refused = Assert.Throws<RefusedException>(
            () => new FormModel(_llama, m => Disguises.StrayAttention(m, plain.Map.Blocks[^1].Output.Value)));
        Assert.StartsWith("MKA011", refused.Message, StringComparison.Ordinal);
        Assert.Contains("this attention is in none of the repeated blocks", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_check_passes_where_one_block_is_left()
    {
        using var form = new FormModel(_llama);
        using var output = new TempFolder();
        var plan = form.Drop([.. Enumerable.Range(1, form.BlockCount - 1)]);
        ModelWriter.Plan(ModelRewriter.Apply(form.Map, plan).Model, "model.onnx").Write(output.FullPath);
        Assert.True(GraphCheck.Run(output["model.onnx"], plan).Passed);
        // The control: a plan that leaves more than the file has.
        Assert.Throws<OnnxMka.Outcomes.VerificationException>(() => GraphCheck.Run(output["model.onnx"], form.Drop(1)));
    }

    [Fact]
    public void Integer_products_of_activations_are_attention_and_those_with_weights_a_router()
    {
        using var scores = new FormModel(LlamaPresets.TorchScriptLlamaNoCache.Model(), Disguises.IntegerScores);
        Assert.Equal(scores.BlockCount, scores.Map.Count);
        Assert.All(scores.Map.Blocks, b => Assert.Null(b.MergeObstacle));
        // Dynamic quantisation makes a zero point of the activations, which is no second factor.
        var routed = MixedPresets.MoEQuantisedRouterNoCache;
        using var router = new FormModel(
            (routed with { Spec = routed.Spec with { Form = routed.Spec.Form with { Linear = LinearForm.DynamicInt8 } } }).Model());
        Assert.Equal(router.BlockCount, router.Map.Count);
        Assert.All(router.Map.Blocks, b => Assert.NotNull(b.MergeObstacle));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    public void A_stream_of_another_layout_is_refused_when_it_is_pooled(int batch)
    {
        // As many samples as tokens would hide the order of the axes.
        var set = new CalibrationSet(
            [.. Enumerable.Range(0, 6).Select(i => Enumerable.Range(0, 6).Select(t => ((i * 31) + (t * t * 7)) % 97).ToArray())],
            6,
            "made up",
            "");
        foreach (var disguise in new Func<byte[], byte[]>[] { Disguises.TokensFirst, Disguises.Flattened })
        {
            using var form = new FormModel(_llama, disguise);
            Assert.Equal(_llama.Spec.Blocks.Length, form.Map.Count);
            AssertDrops(form);
            var refused = Assert.Throws<RefusedException>(
                () => Runners.Whole(batch).Pooled(form.Map, set, Pooling.Mean, NoProgress.Instance));
            Assert.StartsWith(
                "MKA025 block 0: what it leaves is not [samples, tokens, width]: pooled over tokens, ",
                refused.Message,
                StringComparison.Ordinal);
        }

        using var usual = new FormModel(_llama);
        Assert.All(Runners.Whole(batch).Pooled(usual.Map, set, Pooling.Mean, NoProgress.Instance), m => Assert.Equal(6, m.Samples));
    }

    private static void AssertDrops(FormModel form)
    {
        Assert.Equal(form.BlockCount, form.Map.Count);
        foreach (var blocks in new int[][] { [0], [1, 2], [form.BlockCount - 1] })
        {
            var (difference, tolerance) = form.Compare(form.Drop(blocks), form.Without(blocks));
            Assert.True(difference <= tolerance, $"without {string.Join(',', blocks)}: {difference:e2}, at most {tolerance:e2}");
        }

        Assert.True(
            form.Compare(form.Drop(1), form.Without(form.BlockCount - 1)).Difference
                > form.Compare(form.Drop(1), form.Without(1)).Tolerance);
    }
}
