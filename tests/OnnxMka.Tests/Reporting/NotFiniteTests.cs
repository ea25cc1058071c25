using System.Text.Json;
using OnnxMka.Measuring;
using OnnxMka.Reporting;

namespace OnnxMka.Tests.Reporting;

/// <summary>Figures that JSON has no number for are null in reports, with what they are beside them.</summary>
public sealed class NotFiniteTests
{
    private static readonly ResultHeader Header = new(1, "m", null, 0, [new TaskHeader("text", "", "", [0, 1])]);

    private static readonly MetricValue[] Metrics =
    [
        new("text", null, "perplexity", double.PositiveInfinity, 3.57, double.PositiveInfinity, 2),
        new("text", "1e999", "likelihood", double.NegativeInfinity, null, null, 1),
        new("text", "Infinity", "accuracy", double.NaN, null, null, 2),
        new("text", null, "fine", 1e300, 0, -0.5, 2),
    ];

    [Fact]
    public void They_are_null_and_named_by_pointer()
    {
        using var json = JsonDocument.Parse(EvaluationJson.Write(Header, [.. Metrics]));
        var metrics = json.RootElement.GetProperty("metrics");
        Assert.All(Enumerable.Range(0, 3), i => Assert.Equal(JsonValueKind.Null, metrics[i].GetProperty("value").ValueKind));
        double Number(int metric, string name) => metrics[metric].GetProperty(name).GetDouble();
        Assert.Equal((3.57, 1e300, -0.5), (Number(0, "low"), Number(3, "value"), Number(3, "high")));
        Assert.Equal(("1e999", "Infinity"), (metrics[1].GetProperty("group").GetString(), metrics[2].GetProperty("group").GetString()));
        var named = json.RootElement.GetProperty("notFinite").EnumerateObject().Select(p => (p.Name, p.Value.GetString()));
        Assert.Equal(
            [
                ("/metrics/0/value", "Infinity"),
                ("/metrics/0/high", "Infinity"),
                ("/metrics/1/value", "-Infinity"),
                ("/metrics/2/value", "NaN"),
            ],
            named);
    }

    [Fact]
    public void A_report_of_numbers_has_no_such_field() =>
        Assert.DoesNotContain("notFinite", EvaluationJson.Write(Header, [Metrics[3]]), StringComparison.Ordinal);

    [Fact]
    public void Names_with_slashes_and_tildes_are_found_again()
    {
        var text = ReportDocument.Text(new { kind = "x", seconds = new Dictionary<string, double> { ["a/b~c"] = double.NaN, ["d"] = 1 } });
        Assert.Contains("\"/seconds/a~1b~0c\": \"NaN\"", text, StringComparison.Ordinal);
        Assert.Equal("NaN", NotFinite.Shown(text).GetProperty("seconds").GetProperty("a/b~c").GetString());
    }

    [Fact]
    public void People_are_shown_the_word()
    {
        var text = MarkdownReport.Of(EvaluationJson.Write(Header, [.. Metrics]));
        Assert.Contains("| perplexity | Infinity | 3.5700 to Infinity | 2 |", text, StringComparison.Ordinal);
        Assert.Contains("| accuracy | NaN | - | 2 |", text, StringComparison.Ordinal);
    }
}
