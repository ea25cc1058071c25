using OnnxMka.Bench;
using OnnxMka.Graph;
using OnnxMka.Jobs;
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

    /// <summary>Names what was done behind "dropped" or "merged".</summary>
    public static string Suffix(CompressionResult result) =>
        string.Concat(result.Shown.Where(s => s.Label is not null).Select(s => $", {s.Label}"));

    private static void Print(IAnsiConsole console, SectionTable shown)
    {
        var table = ResultTables.Table([.. shown.Columns]);
        foreach (var row in shown.Rows) table.AddRow([.. row.Select(ResultTables.Untrusted)]);
        console.Write(table);
    }
}
