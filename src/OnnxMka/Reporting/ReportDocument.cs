using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using OnnxMka.Bench;
using OnnxMka.Json;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Scoring;

namespace OnnxMka.Reporting;

/// <summary>What all reports share: schema version, tool, environment, and how numbers are written.</summary>
internal static class ReportDocument
{
    public static object Environment(string executionProvider) => new
    {
        os = RuntimeInformation.OSDescription,
        framework = RuntimeInformation.FrameworkDescription,
        executionProvider,
        cores = System.Environment.ProcessorCount,
        peakMemoryBytes = System.Diagnostics.Process.GetCurrentProcess().PeakWorkingSet64,
    };

    public static object? Calibration(Analysis? a) =>
        a is null
            ? null
            : new { source = a.CalibrationSource, sha256 = a.CalibrationSha256, samples = a.Samples, tokensPerSample = a.SampleLength };

    /// <summary>Six digits of the coordinates are more than a picture shows.</summary>
    public static object? Similarity(Analysis? a) => a is null ? null : new
    {
        npib = a.Npib.Rows,
        sigma = a.Sigma,
        eigenvalues = a.Eigenvalues,
        embeddings = a.Embeddings.Select(
            e => Enumerable.Range(0, e.Samples).Select(
                s => Enumerable.Range(0, Math.Min(2, e.Dimension)).Select(d => Digits(e.Coordinates[(s * e.Dimension) + d])))),
    };

    public static object? Seams(Analysis? a) => a?.Seams.Select((s, i) => new { block = i, norm = s.Norm, influence = s.Influence });

    public static object Describe(Perplexity p) =>
        new
        {
            value = p.Value,
            meanNll = p.MeanNll,
            tokens = p.Tokens,
            tokensPerSecond = p.Seconds > 0 ? Math.Round(p.Tokens / p.Seconds, 1) : 0,
        };

    /// <param name="names">What the models are called in the report, in their order.</param>
    public static object? Speed(SpeedTable? table, params string[] names)
    {
        if (table is null) return null;
        var models = names.Zip(table.Models).ToDictionary(
            m => m.First, m => (object)new { m.Second.Prefill, m.Second.Decode, m.Second.MemoryBytes }, StringComparer.Ordinal);
        return new
        {
            original = models.GetValueOrDefault("original"),
            result = models["result"],
            table.Rounds,
            table.PromptTokens,
            table.DecodedTokens,
        };
    }

    public static object Seconds(IEnumerable<StageTime> times) =>
        times.ToDictionary(t => t.Stage, t => Math.Round(t.Seconds, 3), StringComparer.Ordinal);

    private static double Digits(double value) => double.Parse(value.ToString("g6"), System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>The body behind schema version and tool; the body's own fields follow in their order.</summary>
    /// <param name="sections">What steps have to tell: each a field of its name, and all of them as lines and tables.</param>
    public static string Text(object body, IEnumerable<Section>? sections = null)
    {
        var document = new JsonObject
        {
            ["schemaVersion"] = ReportJson.SchemaVersion,
            ["tool"] = new JsonObject { ["name"] = "onnx-mka", ["version"] = ReportJson.ToolVersion },
        };
        Section[] told = [.. sections ?? []];
        var more = told.Select(s => KeyValuePair.Create(s.Name, s.Value));
        if (sections is not null)
            more = more.Append(KeyValuePair.Create("sections", (object)told.Select(s => new { s.Name, shown = s.Shown.Select(Shown) })));
        foreach (var (name, value) in NotFinite.Object(body, more)) document[name] = value?.DeepClone();
        return document.ToJsonString(JsonForm.Indented) + "\n";
    }

    private static object Shown(SectionPart part) => part switch
    {
        SectionTable table => new { columns = table.Columns, rows = table.Rows },
        SectionLine line => new { text = line.Text },
        _ => throw new ArgumentException($"there is no way to show {part.GetType().Name}", nameof(part)),
    };
}
