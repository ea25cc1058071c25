using System.Collections.Immutable;
using OnnxMka.Planning;
using OnnxMka.Reporting;
using OnnxMka.Scoring;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Scoring;

/// <summary>Similarities in a file: what a run stored, and what somebody made of it.</summary>
public sealed class AnalysisFileTests
{
    private const int Blocks = 16;

    [Fact]
    public void What_was_stored_is_read()
    {
        var json = Stored();
        Assert.Equal(json, Analysis.FromJson(json, "a.json").ToJson());
    }

    /// <summary>Activations from elsewhere have no fingerprint: what they tell is held against the number of blocks.</summary>
    [Fact]
    public void It_serves_the_model_that_it_is_of()
    {
        var analysis = Analysis.FromJson(Stored(), "a.json");
        (analysis with { Fingerprint = "" }).RequireFor(Books16.Map, "g");
        analysis.RequireFor(Books16.Map, "f");
        Assert.Contains(
            "made for another model",
            Assert.Throws<RefusedException>(() => analysis.RequireFor(Books16.Map, "g")).Message,
            StringComparison.Ordinal);
        var few = Books16.Map with { Blocks = Books16.Map.Blocks[..15] };
        Assert.Contains(
            "it is of 16 blocks and the model has 15",
            Assert.Throws<RefusedException>(() => (analysis with { Fingerprint = "" }).RequireFor(few, "g")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_analysis_with_any_value_of_any_type_is_read_or_refused() =>
        JsonDamage.AssertReadOrRefused(Stored(), "MKA036", 100, damaged =>
        {
            var analysis = Analysis.FromJson(damaged, "a.json");
            _ = MergePlanner.Plan(Books16.Map, analysis.Npib, new PlanOptions { Count = 3 }, analysis.Fingerprint);
            _ = HtmlReport.Of(AnalysisReport.Write(analysis, "model.onnx"));
        });

    private static string Stored()
    {
        var rows = Enumerable.Range(0, Blocks).Select(
            i => Enumerable.Range(0, Blocks).Select(j => 1.0 / (1 + Math.Abs(i - j))).ToImmutableArray());
        return new Analysis(
            "f",
            new SimilarityTable([.. rows]),
            [.. Enumerable.Repeat(0.5, Blocks)],
            [.. Enumerable.Repeat(ImmutableArray.Create(1, 0.5, 0.25), Blocks)],
            32,
            16,
            "text.txt",
            "0",
            "CPU").ToJson();
    }
}
