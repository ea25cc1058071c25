using OnnxMka.Graph;

namespace OnnxMka.Forge.Tests;

public sealed class PresetTests
{
    public static TheoryData<string> Names => [.. Presets.All.Select(p => p.Name)];

    public static TheoryData<string> CachedNames => [.. Presets.All.Where(p => p.Spec.Form.KvPorts != KvPortForm.None).Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Answers_like_the_plain_graph_of_the_same_weights(string name)
    {
        var model = Presets.ByName(name).Model();
        var logits = Runs.Prefill(model);
        var reference = Runs.Prefill(StoredWeights.Reference(model));
        Assert.InRange(LogitTolerance.Distance(logits, reference), 0, Runs.Tolerance(model, reference));
    }

    [Theory]
    [MemberData(nameof(CachedNames))]
    public void Steps_with_the_cache_answer_like_one_prefill(string name)
    {
        var model = Presets.ByName(name).Model();
        var tokens = Runs.Tokens(model);
        using var session = new DecoderSession(DecoderForge.Build(model), model.Weights.Embedding);
        Assert.True(session.HasCache);
        var prefill = Runs.Prefill(session, tokens);
        Assert.InRange(LogitTolerance.Distance(Runs.Stepwise(session, tokens), prefill), 0, Runs.Tolerance(model, prefill));
    }

    /// <summary>Both tests above would catch one wrong weight: the tolerance can fail.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void One_changed_weight_passes_the_tolerance(string name)
    {
        var model = Presets.ByName(name).Model();
        var changed = model.Spec.Form.Linear == LinearForm.DynamicInt8 ? model.Without(1) : WithOneWeightChanged(model);
        var logits = Runs.Prefill(model);
        Assert.True(LogitTolerance.Distance(logits, Runs.Prefill(changed)) > 2 * Runs.Tolerance(model, logits));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_same_model_gives_the_same_bytes(string name)
    {
        var preset = Presets.ByName(name);
        Assert.Equal(DecoderForge.Build(preset.Model()), DecoderForge.Build(preset.Model()));
        Assert.NotEqual(DecoderForge.Build(preset.Model(1)), DecoderForge.Build(preset.Model(2)));
    }

    [Fact]
    public void Names_are_unique_and_every_line_of_the_list_has_presets()
    {
        Assert.Equal(Presets.All.Count(), Presets.All.Select(p => p.Name).Distinct(StringComparer.Ordinal).Count());
        Assert.All(Presets.Accepted, p => Assert.Null(p.Refusal));
        Assert.All(Presets.Refused, p => Assert.NotNull(p.Refusal));
        Assert.Equal(Enumerable.Range(1, 8), Presets.Accepted.Select(p => p.Issue).Distinct().Order());
    }

    /// <summary>One deviation of a weight in fp32; more where the type itself rounds off more.</summary>
    private static DecoderModel WithOneWeightChanged(DecoderModel model)
    {
        var block = model.Spec.Blocks.Length - 1;
        var role = model.Spec.Blocks[block].HasAttention ? Role.Output : Role.ConvOut;
        var matrix = model.Weights.Blocks[block][role];
        var values = matrix.Values.ToArray();
        // Two bits may have the same code for a slightly other weight.
        values[0] += model.Spec.Form.Type == ElementType.Float16 || model.Spec.Form.Quant.Bits == 2 ? 4 : 0.2f;
        return model with { Weights = model.Weights.With(block, role, matrix with { Values = values }) };
    }
}
