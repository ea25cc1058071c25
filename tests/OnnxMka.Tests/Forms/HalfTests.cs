using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Rewriting;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Forms;

/// <summary>Attention and MLP of a layer removed on their own, in every form that exporters write.</summary>
public sealed class HalfTests
{
    private static readonly string[] Separable = [.. Presets.Accepted
        .Where(p => p.Name != nameof(LlamaPresets.IfMergedOptimum) && !IsOnePiece(p)).Select(p => p.Name)];

    public static TheoryData<string> Forms => new(Separable);

    public static TheoryData<string> Parallel => new(Presets.Accepted.Where(IsOnePiece).Select(p => p.Name));

    /// <summary>
    /// A half whose output weights are zero adds nothing to the stream, so the model built afresh with such weights is what is left
    /// without the half: prefill, and token by token with the caches that stay.
    /// </summary>
    [Theory]
    [MemberData(nameof(Forms))]
    public void Without_a_half_equals_building_with_its_output_weights_zero(string name)
    {
        var built = Presets.ByName(name).Model();
        using var form = new FormModel(built, granularity: Granularity.Sublayer);
        Assert.All(form.Map.Blocks.GroupBy(b => b.Layer), layer => Assert.Equal(["attention", "mlp"], layer.Select(b => b.Half)));
        var last = built.Spec.Blocks.Length - 1;
        foreach (var halves in new (int Layer, string Half)[][]
        {
            [(1, Halves.Attention)],
            [(1, Halves.Mlp), (2, Halves.Attention), (last, Halves.Mlp)],
        })
        {
            var plan = form.Drop([.. halves.Select(h => form.Map.Blocks.Single(b => b.Layer == h.Layer && b.Half == h.Half).Index)]);
            var rewritten = ModelRewriter.Apply(form.Map, plan);
            var layers = last + 1 - halves.Count(h => h.Half == Halves.Attention);
            Assert.Equal(layers, plan.KeptLayers.Count());
            var numbers = rewritten.Blocks.Blocks.Where(b => b.KvInputs.Length > 0).Select(b => b.Layer).ToArray();
            if (numbers.Length == layers) Assert.Equal(Enumerable.Range(0, layers), numbers);
            if (built.Spec.Network.Topology == Topology.PostNorm) continue;
            var (difference, tolerance) = form.Compare(plan, Silenced(built, halves));
            Assert.True(difference <= tolerance, $"{string.Join(',', halves)}: {difference:e2}, at most {tolerance:e2}");
            // The control: with one of the halves silenced elsewhere it is another model.
            if (halves.Length == 1) Assert.True(form.Compare(plan, Silenced(built, [(0, halves[0].Half)])).Difference > tolerance);
        }
    }

    [Theory]
    [MemberData(nameof(Parallel))]
    public void Parallel_blocks_and_layers_that_are_one_function_have_no_halves(string name)
    {
        using var form = new FormModel(Presets.ByName(name).Model());
        Assert.Equal(
            "MKA062",
            Assert.Throws<RefusedException>(() => BlockDetector.Detect(form.Map.Model, granularity: Granularity.Sublayer)).Refusal.Code);
    }

    [Fact]
    public void Without_the_first_attention_there_is_no_first_layer()
    {
        using var form = new FormModel(LlamaPresets.TorchScriptLlama.Model(), granularity: Granularity.Sublayer);
        Assert.Equal("MKA063", Assert.Throws<RefusedException>(() => ModelRewriter.Apply(form.Map, form.Drop(0))).Refusal.Code);
    }

    internal static bool HasHalves(Preset preset) => !IsOnePiece(preset);

    private static bool IsOnePiece(Preset preset) =>
        preset.Spec.Network.Topology is Topology.ParallelOneNorm or Topology.ParallelTwoNorms
            || preset.Spec.Form.Functions == FunctionForm.PerLayer;

    private static DecoderModel Silenced(DecoderModel model, IEnumerable<(int Layer, string Half)> halves)
    {
        var weights = model.Weights;
        foreach (var (layer, half) in halves)
        {
            Role[] roles = half == Halves.Attention
                ?
                [
                    Role.Output,
                    Role.OutputBias,
                    Role.ConvOut,
                    Role.RecurrenceOut,
                    Role.AttentionAfterNormBias,
                    .. model.Spec.Network.Topology > Topology.Sandwich ? [Role.InputNormBias] : Array.Empty<Role>(),
                ]
                :
                [
                    Role.Down,
                    Role.DownBias,
                    Role.ExpertDown,
                    Role.MlpAfterNormBias,
                    .. model.Spec.Network.Topology > Topology.Sandwich ? [Role.PostNormBias] : Array.Empty<Role>(),
                ];
            foreach (var role in roles.Where(weights.Blocks[layer].ContainsKey))
                weights = weights.With(layer, role, weights.Blocks[layer][role].Map(_ => 0));
        }

        return model with { Weights = weights };
    }
}
