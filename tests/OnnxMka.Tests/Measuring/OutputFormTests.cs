using OnnxMka.Forge;
using OnnxMka.Jobs;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Steps.Merging;
using OnnxMka.Structure;
using OnnxMka.Tests.Running.Sessions;

namespace OnnxMka.Tests.Measuring;

/// <summary>
/// Figures of models whose output is not the logits of every token: the same figures where the scores can be had, none where there are no
/// scores.
/// </summary>
public sealed class OutputFormTests
{
    /// <summary>Forms of one network that answer otherwise, or read otherwise.</summary>
    private static readonly Func<byte[], byte[]>[] Forms =
    [
        Disguises.LastTokenLogits,
        m => Disguises.Fixed(Disguises.LastTokenLogits(m), "batch_size", 1),
        m => Disguises.LastTokenLogits(Disguises.NewTokensOnly(m)),
        m => Disguises.Fixed(m, "batch_size", 1),
        Disguises.LogitsToKeep,
    ];

    [Fact]
    public void Perplexity_likelihoods_and_greedy_text_are_those_of_the_network()
    {
        using var plain = new BuiltDecoder(nameof(LlamaPresets.TorchScriptLlama));
        var set = new CalibrationSet([.. Enumerable.Range(0, 3).Select(r => plain.Ids(9, (r * 7) + 1))], 9, "ids", "");
        var expected = Figures(plain.Map, set);
        foreach (var disguise in Forms)
        {
            using var form = new BuiltDecoder(nameof(LlamaPresets.TorchScriptLlama), disguise);
            var found = Figures(form.Map, set);
            // Sums of the same terms in fp32: errors near 1e-6 of logits below 10.
            Assert.Equal(expected.Whole, found.Whole, 1e-5);
            Assert.Equal(expected.Whole, found.ByBlocks, 1e-5);
            Assert.Equal(expected.Likelihood, found.Likelihood, 1e-4);
            Assert.Equal(expected.Text, found.Text);
        }
    }

    [Fact]
    public void One_token_at_once_gives_the_same_perplexity_and_no_activations()
    {
        using var plain = new BuiltDecoder(nameof(LlamaPresets.TorchScriptLlama));
        using var form = new BuiltDecoder(nameof(LlamaPresets.TorchScriptLlama), m => Disguises.Fixed(m, "sequence_length", 1));
        var set = new CalibrationSet([.. Enumerable.Range(0, 5).Select(r => plain.Ids(12, (r * 7) + 1))], 12, "ids", "");
        var expected = Perplexity.Measure(Runners.Whole(4), plain.Map, set);
        Assert.Equal(expected.MeanNll, Perplexity.Measure(Runners.Whole(4), form.Map, set).MeanNll, 1e-5);
        Refused("MKA027", () => Runners.Whole(4).Pooled(form.Map, set, Pooling.Mean, NoProgress.Instance));
        Refused("MKA027", () => BlockChain.Of(form.Map, ExecutionTarget.Cpu));
    }

    [Fact]
    public void Hidden_states_and_embeddings_have_no_perplexity()
    {
        var model = Presets.ByName(nameof(LlamaPresets.TorchScriptLlama)).Model();
        var network = model.Spec.Network with { Head = HeadKind.None };
        using var headless = new BuiltDecoder(model with { Spec = model.Spec with { Network = network } });
        using var projected = new BuiltDecoder(model, m => Disguises.Projected(m, 64, 24));
        using var scores = new BuiltDecoder(model);
        Assert.Contains("hidden states", NextTokenScores.Obstacle(headless.Map), StringComparison.Ordinal);
        Assert.Contains("24 columns and the model knows 97 tokens", NextTokenScores.Obstacle(projected.Map), StringComparison.Ordinal);
        Assert.Null(NextTokenScores.Obstacle(scores.Map));
        foreach (var form in new[] { headless, projected })
        {
            Refused("MKA028", () => ModelEvaluation.Run(new EvaluationOptions { Model = form.Path, TextIds = form.IdFile(), Window = 16 }));
            var result = Compressor.Run(new CompressionOptions
            {
                Input = form.Path,
                Output = new() { Path = form.Other, Force = true },
                Recipe = RecipeOf.Steps(new Merge { Count = 1 }) with
                {
                    Calibration = new() { IdsFile = form.IdFile(), Samples = 32, Length = 16 },
                },
            });
            Assert.Null(result.Quality);
            Assert.Contains(result.Verdicts, v => v is { Check: "prefill equals decode", Passed: true });
        }
    }

    [Theory]
    [InlineData(nameof(LlamaPresets.TorchScriptLlama))]
    [InlineData(nameof(LlamaPresets.GenAiTiedTable))]
    [InlineData(nameof(LlamaPresets.GenAiHiddenStates))]
    [InlineData(nameof(LlamaPresets.DynamoLocalFunctions))]
    [InlineData(nameof(LayerNormPresets.Gpt2OrtFused))]
    [InlineData(nameof(QuantisedPresets.MatMulNBits4SharedTable))]
    [InlineData(nameof(QuantisedPresets.DynamicInt8))]
    [InlineData(nameof(TopologyPresets.GenAiGemma2))]
    public void Every_exporters_head_is_one(string preset)
    {
        using var form = new BuiltDecoder(preset);
        Assert.Null(NextTokenScores.Obstacle(form.Map));
        Assert.Equal(97, Vocabulary.Rows(form.Map));
    }

    private static void Refused(string code, Action work) => Assert.Equal(code, Assert.Throws<RefusedException>(work).Refusal.Code);

    private static (double Whole, double ByBlocks, double Likelihood, int[] Text) Figures(BlockMap map, CalibrationSet set)
    {
        using var model = new ModelUnderTest(map, ExecutionTarget.Cpu);
        return (
            Perplexity.Measure(Runners.Whole(2), map, set).MeanNll,
            Perplexity.Measure(Runners.ByParts(map, set, 2), map, set).MeanNll,
            model.Continue(set.Samples[0][..6], [set.Samples[1][..3], set.Samples[2][..1]])[0].LogLikelihood,
            model.Generate(set.Samples[0], 4));
    }
}
