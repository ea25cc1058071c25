namespace OnnxMka.Forge.Tests;

/// <summary>The trained stand-in in every form that its network fits, against the export that torch wrote.</summary>
public sealed class Books16Tests(Books16Tests.Trained trained) : IClassFixture<Books16Tests.Trained>
{
    public static TheoryData<string> Names => [.. Presets.Accepted.Where(p => p.FitsBooks16).Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Answers_like_the_export(string name)
    {
        var model = Presets.ByName(name).Books16Model(trained.Weights);
        if (model.Spec.Form.Quantised)
        {
            var reference = StoredWeights.Reference(model);
            var stored = Runs.Prefill(reference);
            Assert.InRange(LogitTolerance.Distance(Runs.Prefill(model), stored), 0, Runs.Tolerance(model, stored));
            return;
        }

        Assert.InRange(LogitTolerance.Distance(Runs.Prefill(model), trained.Logits), 0, Runs.Tolerance(model, trained.Logits));
    }

    [Fact]
    public void One_changed_weight_is_seen()
    {
        var model = LlamaPresets.GenAiLlamaGqa.Books16Model(trained.Weights);
        var gamma = trained.Weights.Blocks[7][Role.PostNorm];
        var values = gamma.Values.ToArray();
        values[5] *= 1.1f;
        var changed = model with { Weights = trained.Weights.With(7, Role.PostNorm, gamma with { Values = values }) };
        Assert.True(LogitTolerance.Distance(Runs.Prefill(changed), trained.Logits) > Runs.Tolerance(model, trained.Logits));
    }

    [Fact]
    public void The_forms_of_the_list_fit()
    {
        string[] expected =
        [
            nameof(LlamaPresets.TorchScriptLlama), nameof(LlamaPresets.GenAiLlamaGqa), nameof(LlamaPresets.GenAiLlamaMha),
            nameof(LlamaPresets.DynamoLlama), nameof(LlamaPresets.MobiusOpset23), nameof(LlamaPresets.IfMergedOptimum),
        ];
        Assert.Empty(expected.Except(Presets.Accepted.Where(p => p.FitsBooks16).Select(p => p.Name), StringComparer.Ordinal));
    }

    public sealed class Trained
    {
        private static readonly string _export = Path.Combine(AppContext.BaseDirectory, "books16.onnx");

        public DecoderWeights Weights { get; } = Books16.Read(_export);

        public float[] Logits { get; } = Export();

        private static float[] Export()
        {
            var tokens = Enumerable.Range(0, Runs.Length).Select(i => (i * 37 + 11) % Books16.Network.Vocabulary).ToArray();
            using var session = new DecoderSession(_export);
            return Runs.Prefill(session, tokens);
        }
    }
}
