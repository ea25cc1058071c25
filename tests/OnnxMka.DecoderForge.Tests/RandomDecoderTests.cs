namespace OnnxMka.Forge.Tests;

public sealed class RandomDecoderTests
{
    private const int Count = 50;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, Count)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Runs_steps_and_answers_like_the_plain_graph(int seed)
    {
        var model = RandomDecoder.Model(seed);
        var tokens = Runs.Tokens(model);
        using var session = new DecoderSession(DecoderForge.Build(model), model.Weights.Embedding);
        var logits = Runs.Prefill(session, tokens);
        var reference = Runs.Prefill(StoredWeights.Reference(model));
        var tolerance = Runs.Tolerance(model, reference);
        Within(LogitTolerance.Distance(logits, reference), "plain graph");
        if (session.HasCache) Within(LogitTolerance.Distance(Runs.Stepwise(session, tokens), logits), "steps");

        void Within(double distance, string what) => Assert.True(distance <= tolerance, $"{model}, {what}: {distance:G3} > {tolerance:G3}");
    }

    [Fact]
    public void A_seed_is_a_decoder_and_its_name_tells_the_seed()
    {
        Assert.Equal(RandomDecoder.Spec(7), RandomDecoder.Spec(7));
        Assert.Equal(DecoderForge.Build(RandomDecoder.Model(7)), DecoderForge.Build(RandomDecoder.Model(7)));
        Assert.StartsWith("seed 7: ", RandomDecoder.Spec(7).ToString(), StringComparison.Ordinal);
    }

    /// <summary>The draw reaches everything it is meant to reach.</summary>
    [Fact]
    public void Five_hundred_seeds_cover_every_form()
    {
        var specs = Enumerable.Range(0, 500).Select(RandomDecoder.Spec).ToArray();
        All<Topology>(s => s.Network.Topology);
        All<AttentionForm>(s => s.Form.Attention);
        All<RotaryForm>(s => s.Form.Rotary);
        All<QkvLayout>(s => s.Form.Qkv);
        All<NormForm>(s => s.Form.Norm);
        All<JoinForm>(s => s.Form.Join);
        All<DialectKind>(s => s.Form.Dialect);
        All<KvPortForm>(s => s.Form.KvPorts);
        All<FunctionForm>(s => s.Form.Functions);
        All<SharingForm>(s => s.Form.Sharing);
        All<ShapeForm>(s => s.Form.Shapes);
        All<StateNumbers>(s => s.Form.Numbers);
        All<LengthSymbols>(s => s.Form.Symbols);
        All<CacheCut>(s => s.Form.Cut);
        All<LengthSource>(s => s.Form.Length);
        All<PositionSource>(s => s.Form.Positions);
        All<LogitsForm>(s => s.Form.Logits);
        All<MixerKind>([.. Enumerable.Range(0, 2).Select(i => (Func<DecoderSpec, MixerKind>)(s => s.Blocks[i].Mixer))]);
        All<MlpKind>(s => s.Blocks[0].Mlp, s => s.Blocks[1].Mlp);
        Assert.Equal(Enumerable.Range(2, 7), specs.Select(s => s.Blocks.Length).Distinct().Order());
        Assert.Contains(specs, s => s.Form.IfMerged);
        Assert.Contains(specs, s => s.Form.InputsEmbeds);
        Assert.Contains(specs, s => s.Form.EmbedNorm);
        Assert.Contains(specs, s => s.Form.StaticBatch);
        Assert.Contains(specs, s => s.Form.WeightInputs);
        Assert.Contains(specs, s => s.Form.OptionalLora);
        Assert.Contains(specs, s => s.Blocks.Select(b => b.CacheLength).Distinct().Count() > 2);

        void All<T>(params Func<DecoderSpec, T>[] of)
            where T : struct, Enum =>
            Assert.Equal(Enum.GetValues<T>(), specs.SelectMany(s => of.Select(f => f(s))).Distinct().Order());
    }
}
