using System.Collections.Immutable;
using OnnxMka.Measuring;

namespace OnnxMka.Reporting;

/// <summary>An evaluation as JSON (<c>eval --json</c>); the layout is in docs/report.md.</summary>
internal static class EvaluationJson
{
    public static string Write(EvaluationResult result, EvaluationOptions options) => ReportDocument.Text(new
    {
        kind = "evaluation",
        environment = ReportDocument.Environment(options.Target.Name),
        model = result.Model,
        original = result.Original,
        options = new { options.Limit, options.Seed, shard = $"{options.Shard.Index}/{options.Shard.Count}" },
        tasks = Tasks(result.Tasks),
        metrics = result.Metrics,
        generations = result.Generations,
        speed = result.Original is null
            ? ReportDocument.Speed(result.Speed, "result")
            : ReportDocument.Speed(result.Speed, "original", "result"),
        items = new { done = result.Done, total = result.Total },
        peakMemoryBytes = result.PeakMemoryBytes,
        seconds = Math.Round(result.Seconds, 3),
    });

    public static string Write(ResultHeader header, ImmutableArray<MetricValue> metrics) => ReportDocument.Text(new
    {
        kind = "evaluation",
        model = new { fingerprint = header.Model },
        original = header.Against is { } original ? new { fingerprint = original } : null,
        tasks = Tasks(header.Tasks),
        metrics,
    });

    private static IEnumerable<object> Tasks(ImmutableArray<TaskHeader> tasks) =>
        tasks.Select(t => new { t.Name, t.Sha256, t.Settings, items = t.Items.Length });
}
