namespace OnnxMka.Cli;

/// <summary>What <c>-v</c> adds.</summary>
internal static class Details
{
    public static void Print(CompressionResult result)
    {
        foreach (var pair in result.Plan.Rejected) Console.WriteLine($"not considered: {pair.Left} and {pair.Right}: {pair.Reason}");
        foreach (var verdict in result.Verdicts)
            Console.WriteLine($"check: {verdict.Check}: {verdict.Value:g3}, at most {verdict.Tolerance:g3} ({verdict.Derivation})");
        foreach (var delta in result.Deltas) Console.WriteLine($"merged: block {delta.Block} {delta.Role} ({delta.Name}): {delta.Delta:0.00%}");
        foreach (var time in result.Timings) Console.WriteLine($"time: {time.Stage} {time.Seconds:0.00} s");
    }
}
