using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Measuring;
using Spectre.Console;

namespace OnnxMka.Cli;

/// <summary>What an evaluation prints on stdout.</summary>
internal static class EvalTables
{
    private const int ShownPairs = 3;

    public static void Print(EvaluationResult result)
    {
        var console = ResultTables.Stdout();
        Pairs(console, result.Generations);
        Print(result.Tasks, result.Metrics);
        var models = ResultTables.Table(
            "model", "blocks", "bytes", "tokens/s of this run", "prefill tokens/s", "decode tokens/s", "memory");
        if (result.Original is { } original) Row(models, "original", original, result.Speed?.Models[0]);
        Row(models, "model", result.Model, result.Speed?.Models[^1]);
        console.Write(models);
        SpeedCells.Explain(console, result.Speed);
        var memory = $"peak memory {Sizes.Text(result.PeakMemoryBytes)} (this process, every model in it)";
        console.MarkupLineInterpolated($"{result.Done} of {result.Total} items, {result.Seconds:0.0} s, {memory}");
    }

    public static void Print(ImmutableArray<TaskHeader> tasks, ImmutableArray<MetricValue> metrics)
    {
        var console = ResultTables.Stdout();
        foreach (var task in tasks) console.MarkupLineInterpolated($"{PrintableText.Of(task.Name)}: {PrintableText.Of(task.Settings)}");
        var table = ResultTables.Table("task", "of", "figure", "value", "95 % interval", "items");
        foreach (var m in metrics)
        {
            var interval = m.Low is { } low && m.High is { } high ? $"{Value(low)} to {Value(high)}" : "-";
            var (task, group, metric) =
                (ResultTables.Untrusted(m.Task), ResultTables.Untrusted(m.Group ?? "all"), ResultTables.Untrusted(m.Metric));
            table.AddRow(task, group, metric, Value(m.Value), interval, m.Items.ToString("N0"));
        }

        console.Write(table);
    }

    private static void Pairs(IAnsiConsole console, ImmutableArray<GeneratedPair> pairs)
    {
        if (pairs.Length == 0) return;
        foreach (var pair in pairs.Take(ShownPairs))
        {
            var table = ResultTables.Table("", "greedy text");
            table.AddRow("prompt", ResultTables.Untrusted(pair.Prompt.ReplaceLineEndings(" ")));
            table.AddRow("original", ResultTables.Untrusted(pair.Original.ReplaceLineEndings(" ")));
            table.AddRow("model", ResultTables.Untrusted(pair.Result.ReplaceLineEndings(" ")));
            console.Write(table);
        }

        var same = $"{pairs.Average(p => p.SameTokens):0.0} tokens on average before the first difference";
        var without = $"{pairs.Count(p => p.SameTokens == p.Tokens)} of {pairs.Length} without one";
        console.MarkupLineInterpolated($"greedy generations of {pairs[0].Tokens} tokens: {same}, {without}");
    }

    private static void Row(Table table, string name, EvaluatedModel model, ModelSpeed? speed) =>
        table.AddRow(
            [
                name,
                model.Blocks.ToString(),
                Sizes.Text(model.Bytes),
                model.TokensPerSecond > 0 ? model.TokensPerSecond.ToString("N0") : "-",
                .. SpeedCells.Of(speed),
            ]);

    private static string Value(double value) => Math.Abs(value) switch
    {
        >= 1e6 => value.ToString("0.00e+0"),
        >= 10 => value.ToString("0.00"),
        _ => value.ToString("0.0000"),
    };
}
