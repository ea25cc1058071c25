using System.Collections.Immutable;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMka.Bench;
using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Recipes;
using OnnxMka.Structure;

namespace OnnxMka.Reporting;

/// <summary>The report of one compression as JSON (<c>--report FILE.json</c>).</summary>
internal static class ReportJson
{
    /// <summary>Raised when a field changes its meaning or goes; new fields do not raise it.</summary>
    public const int SchemaVersion = 2;

    public static string ToolVersion =>
        typeof(ReportJson).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";

    public static string Write(CompressionResult result, CompressionOptions options)
    {
        var report = new
        {
            kind = "compression",
            environment = ReportDocument.Environment(options.Running.Target.Name),
            input = new { path = options.Input, result.Plan.Fingerprint, blocks = result.Plan.BlockCount, bytes = result.OriginalBytes },
            options = new
            {
                options.Recipe.Calibration.Seed,
                options.Recipe.Scoring.Alignment.Neighbours,
                options.Recipe.Scoring.Alignment.EmbeddingDimension,
                options.Recipe.Scoring.Alignment.DiffusionTime,
                options.Output.CommandLine,
            },
            recipe = Steps(options.Recipe.Steps, options),
            steps = Steps(result.Steps, options),
            calibration = ReportDocument.Calibration(result.Analysis),
            similarity = ReportDocument.Similarity(result.Analysis),
            seams = ReportDocument.Seams(result.Analysis),
            plan = result.Plan,
            layers = result.Plan.Groups.Select((g, i) => new { @new = i, original = g.Block }),
            mergedTensors = result.Deltas,
            verification = result.Verdicts.Select(v => new { v.Check, v.Value, v.Tolerance, v.Derivation, v.Passed }),
            perplexity = result.Quality is { } q
                ? new
                {
                    original = ReportDocument.Describe(q.Original),
                    result = ReportDocument.Describe(q.Result),
                    plainDrop = ReportDocument.Describe(q.PlainDrop),
                    text = q.Text,
                    textSha256 = q.TextSha256,
                    windows = q.Windows,
                    tokensPerWindow = q.WindowLength,
                }
                : null,
            speed = ReportDocument.Speed(result.Quality?.Speed, "original", "result"),
            output = result.Emitted is { } e
                ? new
                {
                    model = e.Given,
                    bytes = e.Written.TotalBytes,
                    files = e.Written.Files.Select(f => new { path = Path.GetFileName(f.Key), bytes = f.Value }),
                    dataBytes = e.Written.DataBytes,
                    referencedDataBytes = e.Written.ReferencedBytes,
                    e.SideCars,
                    configChanges = e.ConfigChanges,
                }
                : null,
            generations = result.Quality?.Generations.ToArray() ?? [],
            plannedBytes = result.PlannedBytes,
            seconds = ReportDocument.Seconds(result.Timings),
        };
        return ReportDocument.Text(report, result.Shown);
    }

    private static IEnumerable<JsonNode> Steps(ImmutableArray<Step> steps, CompressionOptions options) =>
        steps.Select(step => JsonSerializer.SerializeToNode(step, StepJson.Options(options.Kinds))!);
}

/// <summary>What <c>inspect</c> sees, as JSON.</summary>
internal static class InspectJson
{
    public static string Write(BlockMap map)
    {
        var report = new
        {
            kind = "inspection",
            model = Path.GetFileName(map.Model.Path),
            producer = map.Model.Producer,
            irVersion = map.Model.IrVersion,
            opsets = map.Model.Opsets.ToDictionary(o => o.Key.Length > 0 ? o.Key : "ai.onnx", o => o.Value, StringComparer.Ordinal),
            nodes = map.Model.Graph.Nodes.Count,
            bytes = ModelFiles.Of(map.Model).TotalBytes,
            tokenInput = map.TokenInput,
            logits = map.Logits,
            blocks = map.Blocks.Select(b => new
            {
                index = b.Index,
                kind = b.Kind,
                nodes = b.Nodes.Length,
                parameters = map.ParameterCount(b),
                bytes = map.ParameterBytes(b),
                kvInputs = b.KvInputs.Select(p => p.Name),
                kvOutputs = b.KvOutputs.Select(p => p.Name),
            }),
            seams = map.Blocks.Select(b => b.Output)
                .Prepend(map.Blocks[0].Input)
                .Select((s, i) => new { after = i - 1, value = s.Value, fused = s.IsFused }),
        };
        return ReportDocument.Text(report);
    }
}
