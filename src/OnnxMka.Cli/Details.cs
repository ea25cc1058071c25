using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Planning;

namespace OnnxMka.Cli;

/// <summary>What <c>-v</c> adds.</summary>
internal static class Details
{
    public static void Print(CompressionResult result)
    {
        if (result.Analysis is { } analysis) HeatMap.Print(ResultTables.Stdout(), analysis.Npib, Joined(result.Plan));
        foreach (var pair in result.Plan.Rejected) Console.WriteLine($"not considered: {pair.Left} and {pair.Right}: {pair.Reason}");
        foreach (var verdict in result.Verdicts)
            Console.WriteLine($"check: {verdict.Check}: {verdict.Value:g3}, at most {verdict.Tolerance:g3} ({verdict.Derivation})");
        foreach (var delta in result.Deltas)
            Console.WriteLine($"merged: block {delta.Block} {delta.Role} ({PrintableText.Short(delta.Name)}): {delta.Delta:0.00%}");
        foreach (var time in result.Timings) Console.WriteLine($"time: {time.Stage} {time.Seconds:0.00} s");
    }

    /// <summary>A survivor with the removed blocks behind it.</summary>
    private static (int First, int Last)[] Joined(MergePlan plan)
    {
        var starts = plan.Groups.Select(g => g.Block).ToArray();
        return
        [
            .. starts.Select(
                (s, i) => (First: s, Last: (i + 1 < starts.Length ? starts[i + 1] : plan.BlockCount) - 1)).Where(g => g.Last > g.First),
        ];
    }
}
