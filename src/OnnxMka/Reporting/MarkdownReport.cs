using System.Globalization;
using System.Text;
using System.Text.Json;

namespace OnnxMka.Reporting;

/// <summary>A JSON report as Markdown tables, for pull requests and model cards.</summary>
internal static class MarkdownReport
{
    public static string Of(string json)
    {
        var report = NotFinite.Shown(json);
        var text = new StringBuilder();
        var kind = report.GetProperty("kind").GetString()!;
        text.Append(CultureInfo.InvariantCulture, $"# onnx-mka: {kind}\n\n");
        if (Has(report, "perplexity")) Quality(report, text);
        if (Has(report, "speed") && Has(report.GetProperty("speed"), "result")) Speed(report.GetProperty("speed"), text);
        if (Has(report, "points")) Points(report, text);
        if (Has(report, "metrics")) Metrics(report, text);
        if (kind == "inspection") Blocks(report, text);
        MarkdownChoice.Append(report, text);
        if (Has(report, "plan")) Plan(report.GetProperty("plan"), text);
        if (Has(report, "similarity")) Neighbours(report.GetProperty("similarity").GetProperty("npib"), text);
        if (Has(report, "generations")) Samples(report.GetProperty("generations"), text);
        if (Has(report, "environment"))
        {
            var environment = report.GetProperty("environment");
            text.Append(
                CultureInfo.InvariantCulture,
                $"Made by onnx-mka {report.GetProperty("tool").GetProperty("version")}, {environment.GetProperty("framework")}, "
                    + $"{environment.GetProperty("executionProvider")}.\n");
        }

        return text.ToString();
    }

    private static void Quality(JsonElement report, StringBuilder text)
    {
        var quality = report.GetProperty("perplexity");
        var plan = report.GetProperty("plan");
        var left = plan.GetProperty("groups").GetArrayLength();
        var size = Has(report, "output") ? report.GetProperty("output").GetProperty("bytes") : report.GetProperty("plannedBytes");
        Table(text, ["model", "blocks", "bytes", "perplexity"],
        [
            Row(
                "original",
                plan.GetProperty("blockCount").GetInt32(),
                report.GetProperty("input").GetProperty("bytes").GetInt64().ToString("N0", CultureInfo.InvariantCulture),
                quality.GetProperty("original")),
            Row(
                plan.GetProperty("method").GetString() == "drop" ? "dropped" : "merged",
                left,
                size.GetInt64().ToString("N0", CultureInfo.InvariantCulture),
                quality.GetProperty("result")),
            Row("plain drop of the same blocks", left, "", quality.GetProperty("plainDrop")),
        ]);
        text.Append(
            CultureInfo.InvariantCulture,
            $"Perplexity: {quality.GetProperty("windows")} windows of {quality.GetProperty("tokensPerWindow")} tokens, "
                + $"{quality.GetProperty("text")}, never used for calibration.\n\n");
    }

    private static string[] Row(string name, int blocks, string bytes, JsonElement perplexity) =>
        [name, blocks.ToString(CultureInfo.InvariantCulture), bytes, Number(perplexity.GetProperty("value"), "0.00")];

    private static void Speed(JsonElement speed, StringBuilder text)
    {
        var models = new[] { "original", "result" }.Where(m => Has(speed, m)).Select(m => (Name: m, Figures: speed.GetProperty(m)));
        Table(text, ["model", "prefill tokens/s", "decode tokens/s", "memory"], models.Select(m => new[]
        {
            m.Name,
            Rate(m.Figures.GetProperty("prefill")),
            Has(m.Figures, "decode") ? Rate(m.Figures.GetProperty("decode")) : "-",
            Number(m.Figures.GetProperty("memoryBytes"), "N0"),
        }));
        text.Append(
            CultureInfo.InvariantCulture,
            $"Speed: median, slowest to fastest of {speed.GetProperty("rounds")} runs in turns; "
                + $"{speed.GetProperty("promptTokens")} tokens at once, then {speed.GetProperty("decodedTokens")} one by one. Memory: "
                + $"growth in bytes on loading and the first run.\n\n");

        static string Rate(JsonElement rate) =>
            $"{Number(rate.GetProperty("median"), "N0")} ({Number(rate.GetProperty("low"), "N0")} to "
                + $"{Number(rate.GetProperty("high"), "N0")})";
    }

    private static void Blocks(JsonElement report, StringBuilder text)
    {
        text.Append(
            CultureInfo.InvariantCulture,
            $"{report.GetProperty("model")}: {report.GetProperty("blocks").GetArrayLength()} blocks from "
                + $"{report.GetProperty("tokenInput")} to {report.GetProperty("logits")}, {report.GetProperty("nodes")} nodes.\n\n");
        Table(text, ["block", "kind", "nodes", "parameters", "bytes"], report.GetProperty("blocks").EnumerateArray().Select(b => new[]
        {
            b.GetProperty("index").ToString(),
            b.GetProperty("kind").ToString(),
            b.GetProperty("nodes").ToString(),
            Number(b.GetProperty("parameters"), "N0"),
            Number(b.GetProperty("bytes"), "N0"),
        }));
    }

    private static void Points(JsonElement report, StringBuilder text) => Table(
        text,
        ["method", "ratio", "blocks", "bytes", "perplexity", "increase", "speed", "Pareto front", "picked"],
        report.GetProperty("points").EnumerateArray().Select(p => new[]
        {
            p.GetProperty("method").GetString()!,
            Number(p.GetProperty("ratio"), "0.###"),
            p.GetProperty("blocks").ToString(),
            Number(p.GetProperty("bytes"), "N0"),
            Number(p.GetProperty("perplexity").GetProperty("value"), "0.00"),
            Number(p.GetProperty("increase"), "+0.0%;-0.0%"),
            "x" + Number(p.GetProperty("speedup"), "0.00"),
            string.Join(
                ", ",
                new[] { ("onSizeFront", "size"), ("onSpeedFront", "speed") }.Where(
                    f => p.GetProperty(f.Item1).GetBoolean()).Select(f => f.Item2)),
            p.GetProperty("picked").GetBoolean() ? "yes" : "",
        }));

    private static void Metrics(JsonElement report, StringBuilder text)
    {
        foreach (var task in report.GetProperty("tasks").EnumerateArray())
            text.Append(CultureInfo.InvariantCulture, $"{task.GetProperty("name")}: {task.GetProperty("settings")}\n\n");
        string[] columns = ["task", "of", "figure", "value", "95 % interval", "items"];
        Table(text, columns, report.GetProperty("metrics").EnumerateArray().Select(m => new[]
        {
            m.GetProperty("task").GetString()!,
            m.GetProperty("group").GetString() ?? "all",
            m.GetProperty("metric").GetString()!,
            Number(m.GetProperty("value"), "0.0000"),
            Has(m, "low") ? $"{Number(m.GetProperty("low"), "0.0000")} to {Number(m.GetProperty("high"), "0.0000")}" : "-",
            m.GetProperty("items").ToString(),
        }));
    }

    private static void Plan(JsonElement plan, StringBuilder text) => Table(
        text,
        ["block", "goes into", "similarity", "share kept"],
        plan.GetProperty("steps")
            .EnumerateArray()
            .Select(
                s => new[]
                {
                    s.GetProperty("from").ToString(),
                    Number(s.GetProperty("into"), "0"),
                    Number(s.GetProperty("similarity"), "0.0000"),
                    Number(s.GetProperty("alpha"), "0.0000"),
                }));

    private static void Neighbours(JsonElement npib, StringBuilder text) => Table(
        text,
        ["neighbours", "NPIB"],
        Enumerable.Range(0, npib.GetArrayLength() - 1).Select(i => new[] { $"{i} and {i + 1}", Number(npib[i][i + 1], "0.0000") }));

    private static void Samples(JsonElement pairs, StringBuilder text) => Table(
        text,
        ["prompt", "original", "result"],
        pairs.EnumerateArray().Select(
            p => new[]
            {
                p.GetProperty("prompt").GetString()!,
                p.GetProperty("original").GetString()!,
                p.GetProperty("result").GetString()!,
            }));

    internal static void Table(StringBuilder text, string[] head, IEnumerable<string[]> rows)
    {
        var lines = rows.ToArray();
        if (lines.Length == 0) return;
        Line(head);
        Line([.. head.Select(_ => "---")]);
        foreach (var row in lines) Line(row);
        text.Append('\n');

        void Line(string[] cells) =>
            text.Append("| ").AppendJoin(" | ", cells.Select(c => Escaped(c).Replace("|", "\\|", StringComparison.Ordinal))).Append(" |\n");
    }

    /// <summary>A paragraph of its own.</summary>
    internal static void Line(StringBuilder text, string line) => text.Append(Escaped(line)).Append("\n\n");

    private static string Escaped(string text) => text.ReplaceLineEndings(" ")
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("<", "&lt;", StringComparison.Ordinal);

    internal static string Number(JsonElement value, string format) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetDouble().ToString(format, CultureInfo.InvariantCulture),
        JsonValueKind.String => value.GetString()!,
        _ => "-",
    };

    internal static bool Has(JsonElement report, string name) =>
        report.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;
}
