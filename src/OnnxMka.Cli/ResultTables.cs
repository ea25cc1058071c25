using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Measuring;
using OnnxMka.Planning;
using Spectre.Console;

namespace OnnxMka.Cli;

/// <summary>What a finished job prints on stdout.</summary>
internal static class ResultTables
{
    public static void Print(CompressionResult result)
    {
        var console = Stdout();
        Steps(console, result);
        SectionTables.Print(console, result);
        Quality(console, result);
        Files(console, result);
    }

    /// <summary>Colour only on a terminal; a redirected table is wide enough not to wrap.</summary>
    public static IAnsiConsole Stdout()
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = Console.IsOutputRedirected ? AnsiSupport.No : AnsiSupport.Detect,
            ColorSystem = Console.IsOutputRedirected ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
            Out = new AnsiConsoleOutput(Console.Out),
        });
        if (Console.IsOutputRedirected) console.Profile.Width = 160;
        return console;
    }

    public static Table Table(params string[] columns)
    {
        var table = new Table { Border = Console.IsOutputRedirected ? TableBorder.Ascii2 : TableBorder.Rounded };
        foreach (var column in columns) table.AddColumn(column);
        return table;
    }

    /// <summary>A cell with text of a file or a model in it.</summary>
    public static string Untrusted(string text) => Markup.Escape(PrintableText.Of(text));

    private static void Steps(IAnsiConsole console, CompressionResult result)
    {
        var plan = result.Plan;
        var verb = plan.Method == Method.Mka ? "merged" : "dropped";
        var unit = plan.Units is null ? "blocks" : "halves of layers";
        var removed = plan.BlockCount - plan.Groups.Length;
        console.MarkupLineInterpolated(
            $"{plan.BlockCount} {unit}, {removed} {verb}, {plan.Groups.Length} left (numbers are those of the original, from 0)");
        if (plan.Units is not null)
        {
            console.MarkupLineInterpolated(
                $"{plan.KeptLayers.Count()} of {plan.LayerCount} attentions stay: so many caches, which configuration calls layers");
        }

        if (plan.Steps.Length == 0) return;
        var table = plan.Method == Method.Mka
            ? Table("block", "into", "similarity", "alpha", "largest change")
            : Table("block dropped", "after", "similarity");
        foreach (var step in plan.Steps)
        {
            var similarity = step.Similarity is { } s ? s.ToString("0.0000") : "-";
            var into = step.Into is { } left ? plan.NameOf(left) : "-";
            if (plan.Method == Method.Mka)
            {
                table.AddRow(
                    step.From.ToString(),
                    step.Alpha < 1 ? into : "dropped",
                    similarity,
                    step.Alpha.ToString("0.0000"),
                    step.Alpha < 1 ? LargestDelta(result, step.Into) : "-");
            }
            else table.AddRow(plan.NameOf(step.From), into, similarity);
        }

        console.Write(table);
    }

    private static string LargestDelta(CompressionResult result, int? block)
    {
        var deltas = result.Deltas.Where(d => d.Block == block).ToArray();
        return deltas.Length > 0 ? $"{deltas.Max(d => d.Delta):0.0%} in {Markup.Escape(deltas.MaxBy(d => d.Delta)!.Role)}" : "-";
    }

    private static void Quality(IAnsiConsole console, CompressionResult result)
    {
        var table = Table("model", "blocks", "bytes", "perplexity", "prefill tokens/s", "decode tokens/s", "memory");
        var q = result.Quality;
        var left = result.Plan.Groups.Length;
        table.AddRow(
            [
                "original",
                result.Plan.BlockCount.ToString(),
                Sizes.Text(result.OriginalBytes),
                Value(q?.Original),
                .. SpeedCells.Of(q?.Speed?.Models[0]),
            ]);
        var name = SectionTables.Name(result);
        table.AddRow(
            [
                result.Emitted is null ? $"{name} (planned)" : name,
                left.ToString(),
                Sizes.Text(result.Emitted?.Written.TotalBytes ?? result.PlannedBytes),
                Value(q?.Result),
                .. SpeedCells.Of(q?.Speed?.Models[1]),
            ]);
        if (q is not null && !SectionTables.IsCutAlone(result))
            table.AddRow("plain drop of the same blocks", left.ToString(), "", Value(q.PlainDrop), "", "", "");
        console.Write(table);
        if (q is not null)
        {
            console.MarkupLineInterpolated(
                $"perplexity: {q.Windows} windows of {q.WindowLength} tokens, {q.Text}, never used for calibration");
        }

        SpeedCells.Explain(console, q?.Speed);
        if (result.Plan.Method == Method.Mka && q is not null && q.Result.Value > q.PlainDrop.Value)
        {
            console.MarkupLine(
                "note: merging lost more than deleting the same blocks would; "
                    + "--method drop deletes, --method best looks for what loses least");
        }
    }

    public static void Files(IAnsiConsole console, CompressionResult result)
    {
        if (result.Emitted is not { } emitted) return;
        foreach (var change in emitted.ConfigChanges)
            console.WriteLine(PrintableText.Of($"{(change.IsWarning ? "warning: " : "")}{change.File}: {change.Key} {change.Change}"));
        foreach (var (path, size) in emitted.Written.Files)
            console.WriteLine($"{Path.GetRelativePath(Environment.CurrentDirectory, path)}  {Sizes.Text(size)}");
    }

    private static string Value(Perplexity? p) => p is null ? "-" : p.Value < 1e6 ? p.Value.ToString("0.00") : p.Value.ToString("0.0e+0");
}
