namespace OnnxMka.Fuzzer;

/// <summary>Counts by outcome, and the cases that must not be.</summary>
internal static class FuzzReport
{
    private const int ShownSeeds = 8;
    private const int ShownFrames = 8;

    /// <summary>
    /// True where no case ended in an exception of the tool, in a crash that a child process had not shown, or not at all.
    /// </summary>
    public static bool Write(TextWriter output, IReadOnlyCollection<CaseOutcome> outcomes)
    {
        foreach (var bug in outcomes.Where(o => o.End == CaseEnd.Uncaught).GroupBy(o => Place(o.Detail), StringComparer.Ordinal))
        {
            output.WriteLine(
                $"{bug.Count()} x {string.Join('\n', bug.First().Detail.Split('\n').Take(ShownFrames))}\n  seeds {Seeds(bug)}");
        }

        foreach (var end in outcomes.GroupBy(o => o.End).OrderBy(g => g.Key))
        {
            output.WriteLine($"{end.Count(),7} {end.Key}");
            foreach (var detail in end.Where(o => o.End is not (CaseEnd.Done or CaseEnd.Uncaught))
                .GroupBy(o => o.Detail, StringComparer.Ordinal)
                .OrderByDescending(g => g.Count()))
            {
                output.WriteLine(
                    $"        {detail.Count(),7} {detail.Key}{(end.Key == CaseEnd.Refused ? "" : $"  seeds {Seeds(detail)}")}");
            }
        }

        return !outcomes.Any(o => o.End is CaseEnd.Hung or CaseEnd.Escaped or CaseEnd.Uncaught);
    }

    /// <summary>Type of an exception and the first method of the tool on its way: one bug, whatever the message.</summary>
    private static string Place(string exception)
    {
        var lines = exception.Split('\n');
        return lines[0].Split(':')[0] + Array.Find(lines, l => l.Contains(" at OnnxMka.", StringComparison.Ordinal))?.Split('(')[0];
    }

    private static string Seeds(IEnumerable<CaseOutcome> outcomes) =>
        string.Join(' ', outcomes.Select(o => o.Seed).Order().Take(ShownSeeds));
}
