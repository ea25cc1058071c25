using OnnxMka.Jobs;
using OnnxMka.Measuring;
using OnnxMka.Rewriting;
using OnnxMka.Running.Sessions;

namespace OnnxMka.Tests.Measuring;

/// <summary>Perplexity and agreement on text, against independent numbers and against themselves.</summary>
public sealed class TextTaskTests
{
    /// <summary>
    /// Relative. Reference in float64, model in float32: a logit is off by at most about 1e-6 of 20, the mean of 127 of them by less, and
    /// exp passes an error of the mean on as it is: below 2e-5 at worst, measured 1e-7. The control is off by 1e-1.
    /// </summary>
    private const double Tolerance = 1e-5;

    [Fact]
    public void Perplexity_equals_an_independent_computation()
    {
        var windows = ReferenceFile.Instance.Windows.SelectMany(w => TextWindow.Over("reference", w, w.Length, w.Length, [])).ToArray();
        Assert.Equal(ReferenceFile.Instance.Windows.Length, windows.Length);
        using var model = new ModelUnderTest(Books16.Map, ExecutionTarget.Cpu);
        var value = Perplexity(windows, model);
        var expected = ReferenceFile.Instance.Answers.Values.First().Perplexity;
        Assert.InRange(value / expected, 1 - Tolerance, 1 + Tolerance);
        using var without = new ModelUnderTest(ModelRewriter.Apply(Books16.Map, Books16.Plan([7])).Blocks, ExecutionTarget.Cpu);
        Assert.False(Math.Abs((Perplexity(windows, without) / expected) - 1) < 1000 * Tolerance, "the control: a missing block shows");
    }

    [Theory]
    [InlineData(1, 16, 16, null)]
    [InlineData(100, 16, 16, null)]
    [InlineData(100, 16, 4, null)]
    [InlineData(100, 16, 16, 7)]
    [InlineData(100, 16, 3, 7)]
    [InlineData(9, 16, 16, 7)]
    public void Every_token_counts_once(int length, int window, int stride, int? bos)
    {
        var ids = Enumerable.Range(1000, length).ToArray();
        var windows = TextWindow.Over("text", ids, window, stride, bos is { } id ? [id] : []).ToArray();
        Assert.Equal(ids.Skip(bos is null ? 1 : 0), windows.SelectMany(w => w.Ids.Skip(w.FirstScored)));
        Assert.All(windows, w => Assert.True(w.Ids.Length <= window));
        Assert.All(windows, w => Assert.True(bos is null ? w.FirstScored >= 1 : w.Ids[0] == bos && w.FirstScored >= 1));
        Assert.All(
            windows.Skip(1),
            w => Assert.True(
                w.FirstScored - (bos is null ? 0 : 1) >= Math.Min(window - stride, w.Ids.Length - w.Scored - (bos is null ? 0 : 1))));
    }

    [Fact]
    public void A_model_does_not_diverge_from_itself()
    {
        var result = ModelEvaluation.Run(Options(Books16.Folder, Books16.Folder) with { Limit = 2, Generations = 2, GeneratedTokens = 8 });
        Assert.Equal(0, Value(result, "KL from the original"));
        Assert.Equal(1, Value(result, "top-1 agreement"));
        Assert.Equal(1, Value(result, "top-5 agreement"));
        Assert.Equal(Value(result, "perplexity"), Value(result, "perplexity of the original"));
        Assert.Equal([8, 8], result.Generations.Select(g => g.SameTokens));
    }

    [Fact]
    public void A_smaller_model_diverges()
    {
        using var folder = new TempFolder();
        Compressor.Run(
            new CompressionOptions
            {
                Input = Books16.Folder,
                Output = new() { Path = folder["out"] },
                Recipe = RecipeOf.DropTail(4),
                Evaluate = false,
                Verify = false,
            });
        var result = ModelEvaluation.Run(Options(folder["out"], Books16.Folder) with { Limit = 2, Generations = 2 });
        Assert.True(Value(result, "KL from the original") > 0.01);
        Assert.InRange(Value(result, "top-1 agreement"), 0.1, 0.95);
        Assert.True(Value(result, "perplexity") > Value(result, "perplexity of the original"));
    }

    [Fact]
    public void Divergence_of_two_known_distributions()
    {
        // p = (3/4, 1/4), q = (1/2, 1/2): KL = 3/4 ln(3/2) + 1/4 ln(1/2); logits are float32, so 1e-7.
        float[] p = [MathF.Log(3), 0], q = [0, 0];
        Assert.Equal((0.75 * Math.Log(1.5)) + (0.25 * Math.Log(0.5)), NextTokens.Divergence(p, q), 1e-7);
        Assert.Equal(0, NextTokens.Divergence(p, p));
        Assert.NotEqual(NextTokens.Divergence(p, q), NextTokens.Divergence(q, p), 1e-3);
    }

    private static EvaluationOptions Options(string model, string against) =>
        new() { Model = model, Against = against, Window = 64, Speed = false };

    private static double Value(EvaluationResult result, string metric) =>
        result.Metrics.Single(m => m.Metric == metric && m.Group is null).Value;

    private static double Perplexity(TextWindow[] windows, ModelUnderTest model)
    {
        var task = new TextTask("text", "", "", windows);
        var items = Enumerable.Range(0, task.Count).Select(i => new ItemResult("text", "", i, task.Score(i, model, null)));
        return Aggregate.Of(items, 0).Single(m => m.Metric == "perplexity").Value;
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    public void A_text_without_a_token_to_predict_is_refused(string text)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["t.txt"], text);
        Assert.Equal(
            "MKA070",
            Assert.Throws<RefusedException>(
                () => ModelEvaluation.Run(new EvaluationOptions { Model = Books16.Folder, Text = folder["t.txt"] })).Refusal.Code);
    }

    [Fact]
    public void Rows_and_choices_that_are_null_are_refused()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["ids.jsonl"], "null\n");
        Assert.Equal(
            "MKA032",
            Assert.Throws<RefusedException>(
                () => ModelEvaluation.Run(new EvaluationOptions { Model = Books16.Folder, TextIds = folder["ids.jsonl"] })).Refusal.Code);
        File.WriteAllText(folder["q.jsonl"], "{\"question\": \"a\", \"choices\": [null, \"b\"], \"answer\": 0}\n");
        Assert.Equal("MKA072", Assert.Throws<RefusedException>(() => ChoiceFiles.JsonLines(folder["q.jsonl"])).Refusal.Code);
    }
}
