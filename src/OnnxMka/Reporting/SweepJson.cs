using System.Text.Json;
using OnnxMka.Jobs;
using OnnxMka.Json;
using OnnxMka.Sweeping;

namespace OnnxMka.Reporting;

/// <summary>The report of a sweep as JSON; the layout is in docs/report.md.</summary>
internal static class SweepJson
{
    public static string Write(SweepResult result, CompressionOptions options, SweepOptions sweep) => ReportDocument.Text(new
    {
        kind = "sweep",
        environment = ReportDocument.Environment(options.Running.Target.Name),
        input = new { path = options.Input, result.Analysis.Fingerprint, blocks = result.Blocks.Count, bytes = result.OriginalBytes },
        calibration = ReportDocument.Calibration(result.Analysis),
        similarity = ReportDocument.Similarity(result.Analysis),
        seams = ReportDocument.Seams(result.Analysis),
        maxIncrease = sweep.MaxIncrease,
        original = ReportDocument.Describe(result.Original),
        speed = result.OriginalSpeed is { } s ? new { original = new { s.Prefill, s.Decode, s.MemoryBytes } } : null,
        points = result.Points.Select(p => new
        {
            method = p.Way.Name,
            p.Ratio,
            blocks = p.Plan.Groups.Length,
            p.Bytes,
            perplexity = ReportDocument.Describe(p.Perplexity),
            increase = p.Increase,
            p.Speedup,
            p.OnSizeFront,
            p.OnSpeedFront,
            picked = p == result.Picked,
            p.Plan,
        }),
        text = new { name = result.Text, sha256 = result.TextSha256, windows = result.Windows, tokensPerWindow = result.WindowLength },
        seconds = ReportDocument.Seconds(result.Timings),
    });
}

/// <summary>The report of a scoring as JSON (<c>score --report</c>).</summary>
internal static class AnalysisReport
{
    public static string Write(Scoring.Analysis analysis, string source) => ReportDocument.Text(new
    {
        kind = "analysis",
        environment = ReportDocument.Environment(analysis.ExecutionProvider),
        input = new { path = source, analysis.Fingerprint, blocks = analysis.Npib.Count },
        calibration = ReportDocument.Calibration(analysis),
        similarity = ReportDocument.Similarity(analysis),
        seams = ReportDocument.Seams(analysis),
        removalOrder = Planning.MergePlanner.RemovalOrder(analysis.Npib),
    });

    /// <summary>The figures alone, in one line (<c>score --json</c>).</summary>
    public static string Scores(Scoring.Analysis analysis)
    {
        var figures = new { npib = analysis.Npib.Rows, sigma = analysis.Sigma, eigenvalues = analysis.Eigenvalues };
        return JsonSerializer.Serialize(figures, JsonForm.Line) + "\n";
    }
}
