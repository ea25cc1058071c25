using System.Collections.Immutable;
using System.Globalization;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Structure;

namespace OnnxMka.Steps.Correcting;

/// <summary>
/// Corrects a model from its first cut to its last (<see cref="Pass"/>). There is nothing to decide, but for one that is done where that is
/// possible.
/// </summary>
internal sealed class CorrectionKind<TStep>(string name) : StepKind<TStep>(name), IStepKind
    where TStep : CorrectionStep
{
    Prospect? IStepKind.ProspectOf(Step step, BlockMap map, CalibrationSplit split, StepKinds kinds)
    {
        var work = ((TStep)step).Work();
        return new Prospect(
            "a correction of all that is left, up to", Prospect.PassOver(map, split, work), work.Unknowns(map));
    }

    protected override Decision Decide(TStep step, ModelState state, Workbench bench)
    {
        if (!step.WherePossible) return Decision.Of(step);
        if (!state.Lineage.Plan.Removed.Any()) return new Decision([], []);
        if (bench.PassObstacle() is not { } obstacle) return Decision.Of((TStep)(step with { WherePossible = false }));
        var line = $"no {step.Name}: {obstacle}";
        bench.Progress.Note(line);
        var report = new CompensationReport(CompensationReport.None, [], []);
        return new Decision([], [new Section("compensation", report) { Shown = [new SectionLine(line)] }]);
    }

    protected override StepResult Apply(TStep decided, ModelState state, Workbench bench)
    {
        var (corrected, steps) = bench.Clock.Time("compensate", () => bench.InOrder(state, decided.Work(), decided.Text, decided.Name));
        return StepResult.Of(corrected, CorrectionSection.Of(new CompensationReport(decided.Name, steps, decided.Compared), state));
    }

    /// <summary>What it was compared with is known once it was chosen, and then told with it.</summary>
    protected override StepResult Retold(TStep decided, ModelState before, StepResult held)
    {
        var report = held.Sections.Select(s => s.Value).OfType<CompensationReport>().Single();
        return held with { Sections = [CorrectionSection.Of(report with { Trials = decided.Compared }, before)] };
    }
}

/// <summary>How a correction is told.</summary>
internal static class CorrectionSection
{
    public static Section Of(CompensationReport report, ModelState state)
    {
        var shown = ImmutableArray.CreateBuilder<SectionPart>();
        foreach (var trial in report.Trials)
        {
            shown.Add(
                new SectionLine(
                    $"{trial.Kind}: perplexity {Number(trial.HeldOutPerplexity, "0.00") ?? "not finite"} on held-out calibration text"));
        }

        if (report.Steps.Length > 0)
        {
            shown.Add(
                new SectionTable(
                    ["block", report.Kind, "error before", "after", "ridge", ""], [.. report.Steps.Select(s => Row(s, state))]));
            shown.Add(
                new SectionLine("errors: distance from the original stream behind that block, relative, on held-out calibration tokens"));
        }

        return new Section(
            "compensation", report)
        { Shown = shown.ToImmutable(), Label = report.Kind == CompensationReport.None ? null : report.Kind };
    }

    /// <summary>Nothing is corrected.</summary>
    public static Section None(ModelState state, params ImmutableArray<CompensationTrial> trials) =>
        Of(new CompensationReport(CompensationReport.None, [], trials), state);

    private static ImmutableArray<string> Row(CompensationStep step, ModelState state) =>
    [
        state.Lineage.Plan.NameOf(step.Block),
        step.Place,
        FitTable.Number(step.ErrorBefore),
        FitTable.Number(step.ErrorAfter),
        Number(step.Ridge, "0e+0") ?? "-",
        FitTable.Outcome(step),
    ];

    private static string? Number(double? value, string format) => value?.ToString(format, CultureInfo.CurrentCulture);
}
