using System.Globalization;
using System.Text;
using System.Text.Json;

namespace OnnxMka.Reporting;

/// <summary>What was tried, chosen and corrected, as Markdown.</summary>
internal static class MarkdownChoice
{
    public static void Append(JsonElement report, StringBuilder text)
    {
        if (MarkdownReport.Has(report, "sections")) Sections(report.GetProperty("sections"), text);
        if (MarkdownReport.Has(report, "removalOrder")) Order(report.GetProperty("removalOrder"), text);
    }

    private static void Sections(JsonElement sections, StringBuilder text)
    {
        foreach (var part in sections.EnumerateArray().SelectMany(s => s.GetProperty("shown").EnumerateArray()))
        {
            if (part.TryGetProperty("text", out var line)) MarkdownReport.Line(text, line.GetString()!);
            else MarkdownReport.Table(
                text, [.. Texts(part.GetProperty("columns"))], part.GetProperty("rows").EnumerateArray().Select(r => Texts(r).ToArray()));
        }
    }

    private static IEnumerable<string> Texts(JsonElement array) => array.EnumerateArray().Select(e => e.GetString()!);

    private static void Order(JsonElement order, StringBuilder text) => text.Append(
        CultureInfo.InvariantCulture,
        $"Blocks that would go, most similar neighbours first: {string.Join(", ", order.EnumerateArray())}.\n\n");
}
