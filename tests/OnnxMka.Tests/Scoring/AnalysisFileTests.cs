using System.Collections.Immutable;
using OnnxMka.Planning;
using OnnxMka.Reporting;
using OnnxMka.Scoring;

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

    [Fact]
    public void An_analysis_with_any_value_of_any_type_is_read_or_refused() => JsonDamage.AssertReadOrRefused(Stored(), "MKA036", 100, damaged =>
    {
        var analysis = Analysis.FromJson(damaged, "a.json");
        _ = MergePlanner.Plan(Books16.Map, analysis.Npib, new PlanOptions { Count = 3 }, analysis.Fingerprint);
        _ = HtmlReport.Of(AnalysisReport.Write(analysis, "model.onnx"));
    });

    private static string Stored()
    {
        var rows = Enumerable.Range(0, Blocks).Select(i => Enumerable.Range(0, Blocks).Select(j => 1.0 / (1 + Math.Abs(i - j))).ToImmutableArray());
        return new Analysis(
            "f", new SimilarityTable([.. rows]), [.. Enumerable.Repeat(0.5, Blocks)], [.. Enumerable.Repeat(ImmutableArray.Create(1, 0.5, 0.25), Blocks)], 32, 16, "text.txt", "0", "CPU").ToJson();
    }
}
