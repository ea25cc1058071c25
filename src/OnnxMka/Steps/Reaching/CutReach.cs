using OnnxMka.Bench;
using OnnxMka.Cutting;
using OnnxMka.Outcomes;
using OnnxMka.Steps.Cutting;

namespace OnnxMka.Steps.Reaching;

/// <summary>As small a share of the blocks' parameters goes as a size asks for, or as large a one as a loss allows.</summary>
internal static class CutReach
{
    private const int SizeShares = 1000; // of the blocks' parameters, where a size is asked for: most of them are never run
    private const int LossShares = 32; // where each has to be cut, fitted and measured

    /// <summary>More than the nodes, names and shapes of a pair take in a file beside its weights.</summary>
    private const int PairBytes = 512;

    public static Decision Decide(Reach step, Cut cut, ModelState state, Workbench bench)
    {
        var (map, prices) = (state.Structure, CutKind.Prices(state, bench));
        var shares = step.Bytes is null ? LossShares : SizeShares;
        var most = (int)Math.Floor(CutChoice.Most(map, prices, cut) * shares);
        var all = prices.Sum(p => p.Parameters);
        var elementBytes = map.Blocks.Sum(map.ParameterBytes) / (double)Math.Max(1, map.Blocks.Sum(map.ParameterCount));
        var before = bench.PlannedBytes(state);
        var search = new TargetSearch<Tried>(
            most,
            count => FormattableString.Invariant($"{100.0 * count / shares:0.0} % of the blocks' parameters"),
            count => new Tried(bench.Decide(cut with { Ratio = count / (double)shares }, state), null),
            tried => tried.Course is null ? tried with { Course = Taken(tried.Decision) } : tried,
            tried =>
            {
                if (tried.Course is { } course) bench.Release(course);
            },
            bench.Progress.Note);
        var found = step.Bytes is { } bytes
            ? search.BySize(bytes, (int)Math.Floor(Math.Max(0, before - bytes) / (all * elementBytes) * shares), Size)
            : search.ByLoss(
                Losses.OfOriginal(bench.HeldOutLoss(bench.Input)),
                step.MaxIncrease!.Value,
                tried => bench.HeldOutLoss(tried.Course!.State));
        var taken = found.Course!;
        if (step.Steps.Length > 1) taken = taken.Then(bench.Run(step.Steps[1..], taken.State));
        foreach (var result in taken.Taken) bench.Hold(result);
        return new Decision(taken.Steps, taken.Sections);

        Course Taken(Decision decision) => new Course(state, [], decision.Sections).Then(bench.Run(decision.Steps, state));

        // Before it is cut: by its matrices, so that sizes that are too large are not tried.
        long Size(Tried tried)
        {
            if (tried.Course is { } course) return bench.PlannedBytes(course.State);
            var report = tried.Decision.Sections.Select(s => s.Value).OfType<CutReport>().Single();
            var pairs = report.Units.Sum(u => u.Gone ? 0 : u.Sizes.Count(s => s.Name != Choice.Width));
            return before - (long)((report.ParametersBefore - report.Parameters) * elementBytes) + (pairs * PairBytes);
        }
    }

    private sealed record Tried(Decision Decision, Course? Course);
}
