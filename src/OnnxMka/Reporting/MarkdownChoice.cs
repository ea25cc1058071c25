using System.Globalization;
using System.Text;
using System.Text.Json;

namespace OnnxMka.Reporting;

/// <summary>What was tried, chosen and corrected, as Markdown.</summary>
internal static class MarkdownChoice
{
    public static void Append(JsonElement report, StringBuilder text)
    {
        if (MarkdownReport.Has(report, "search")) Search(report.GetProperty("search"), text);
        if (MarkdownReport.Has(report, "selection")) Selection(report.GetProperty("selection"), text);
        if (MarkdownReport.Has(report, "compensation")) Compensation(report.GetProperty("compensation"), text);
        if (MarkdownReport.Has(report, "removalOrder")) Order(report.GetProperty("removalOrder"), text);
    }

    private static void Search(JsonElement search, StringBuilder text)
    {
        text.Append(CultureInfo.InvariantCulture, $"{search.GetProperty("why")}\n\n");
        var chosen = search.GetProperty("chosen").GetInt32();
        MarkdownReport.Table(text, ["blocks chosen by", "blocks dropped", "correction", "held-out perplexity", "taken"], search.GetProperty("trials").EnumerateArray().Select((t, i) => new[]
        {
            t.GetProperty("selection").GetString() ?? "exchange", string.Join(", ", t.GetProperty("removed").EnumerateArray()), t.GetProperty("compensation").GetString()!,
            MarkdownReport.Number(t.GetProperty("heldOutPerplexity"), "0.00"), i == chosen ? "yes" : "",
        }));
    }

    private static void Selection(JsonElement selection, StringBuilder text) => MarkdownReport.Table(
        text,
        [$"block chosen by {selection.GetProperty("kind")}", "score"],
        selection.GetProperty("chosen").EnumerateArray().Select(c => new[] { c.GetProperty("block").ToString(), MarkdownReport.Number(c.GetProperty("score"), "0.0000") }));

    private static void Compensation(JsonElement compensation, StringBuilder text)
    {
        MarkdownReport.Table(text, ["correction tried", "held-out perplexity"], compensation.GetProperty("trials").EnumerateArray().Select(t => new[]
        {
            t.GetProperty("kind").GetString()!, MarkdownReport.Number(t.GetProperty("heldOutPerplexity"), "0.00"),
        }));
        MarkdownReport.Table(text, ["block", $"correction ({compensation.GetProperty("kind")})", "error before", "after", "kept"], compensation.GetProperty("steps").EnumerateArray().Select(s => new[]
        {
            s.GetProperty("block").ToString(), s.GetProperty("place").GetString()!, MarkdownReport.Number(s.GetProperty("errorBefore"), "0.0000"), MarkdownReport.Number(s.GetProperty("errorAfter"), "0.0000"),
            s.GetProperty("kept").GetBoolean() ? "yes" : $"no: {s.GetProperty("note")}",
        }));
    }

    private static void Order(JsonElement order, StringBuilder text) => text.Append(
        CultureInfo.InvariantCulture, $"Blocks that would go, most similar neighbours first: {string.Join(", ", order.EnumerateArray())}.\n\n");
}
