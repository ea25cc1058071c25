namespace OnnxMka.Reporting;

/// <summary>
/// A JSON report as one HTML file that needs nothing else: page, styles, script, ECharts (Apache-2.0) and the data lie inside, and its
/// content policy forbids the browser to fetch anything.
/// </summary>
internal static class HtmlReport
{
    /// <param name="json">From <see cref="ReportJson"/>, <see cref="SweepJson"/> and their like.</param>
    public static string Of(string json) => Resource("report.html")
        .Replace("/*styles*/", Resource("report.css"), StringComparison.Ordinal)
        .Replace("/*echarts*/", Resource("echarts.min.js"), StringComparison.Ordinal)
        .Replace("/*charts*/", Resource("charts.js"), StringComparison.Ordinal)
        .Replace("/*choice*/", Resource("choice.js"), StringComparison.Ordinal)
        .Replace("/*report*/", Resource("report.js"), StringComparison.Ordinal)
        .Replace("/*data*/", Inert(json), StringComparison.Ordinal);

    /// <summary>JSON means the same with these escaped, and no text in it can end the script element.</summary>
    private static string Inert(string json) =>
        json.Replace("<", "\\u003c", StringComparison.Ordinal).Replace(">", "\\u003e", StringComparison.Ordinal);

    private static string Resource(string name)
    {
        using var reader = new StreamReader(typeof(HtmlReport).Assembly.GetManifestResourceStream("OnnxMka.Reporting." + name)!);
        return reader.ReadToEnd();
    }
}
