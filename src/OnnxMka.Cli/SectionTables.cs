using OnnxMka.Bench;
using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Planning;
using Spectre.Console;

namespace OnnxMka.Cli;

/// <summary>What steps have to tell.</summary>
internal static class SectionTables
{
    /// <summary>Searches first, then choices: what was tried before what came of it.</summary>
    public static void Print(IAnsiConsole console, CompressionResult result)
    {
        foreach (var part in result.Shown.SelectMany(s => s.Shown))
        {
            if (part is SectionTable table) Print(console, table);
            else if (part is SectionLine line) console.WriteLine(PrintableText.Of(line.Text));
        }
    }

    /// <summary>Names what was done: "dropped" or "merged", and what else.</summary>
    public static string Name(CompressionResult result)
    {
        var others = result.Shown.Select(s => s.Label).OfType<string>();
        return string.Join(", ", IsCutAlone(result) ? others : others.Prepend(result.Plan.Method == Method.Mka ? "merged" : "dropped"));
    }

    /// <summary>True where all blocks stay, and are smaller: there is nothing that a plain drop would have taken.</summary>
    public static bool IsCutAlone(CompressionResult result) =>
        result.Plan.Groups.Length == result.Plan.BlockCount && result.Shown.Any(s => s.Label is "cut" or "kv");

    private static void Print(IAnsiConsole console, SectionTable shown)
    {
        var table = ResultTables.Table([.. shown.Columns]);
        foreach (var row in shown.Rows) table.AddRow([.. row.Select(ResultTables.Untrusted)]);
        console.Write(table);
    }
}
