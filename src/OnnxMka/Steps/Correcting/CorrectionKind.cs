using System.Collections.Immutable;
using System.Globalization;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Outcomes;

namespace OnnxMka.Steps.Correcting;

/// <summary>Corrects a model from its first cut to its last (<see cref="Compensator"/>). There is nothing to decide.</summary>
public sealed class CorrectionKind<TStep>(string name) : StepKind<TStep>(name)
    where TStep : CorrectionStep
{
    protected override Decision Decide(TStep step, ModelState state, Workbench bench) => Decision.Of(step);

    protected override StepResult Apply(TStep decided, ModelState state, Workbench bench)
    {
        var (corrected, steps) = state.Lineage.Plan.Removed.Any()
            ? bench.Clock.Time("compensate", () => Corrected(decided, state, bench))
            : (state, []);
        return StepResult.Of(corrected, Told(new CompensationReport(decided.Options.Kind, steps, decided.Compared), state));
    }

    /// <summary>What it was compared with is known once it was chosen, and then told with it.</summary>
    protected override StepResult Retold(TStep decided, ModelState before, StepResult held)
    {
        var report = held.Sections.Select(s => s.Value).OfType<CompensationReport>().Single();
        return held with { Sections = [Told(report with { Trials = decided.Compared }, before)] };
    }

    private static (ModelState State, ImmutableArray<CompensationStep> Steps) Corrected(TStep decided, ModelState state, Workbench bench)
    {
        var (options, plan) = (decided.Options, state.Lineage.Plan);
        return bench.WithSeams(decided.Text, seams =>
        {
            using var stage = bench.Progress.Begin($"compensate ({decided.Name})", Compensator.Work(plan), "blocks");
            var scratch = Workbench.Scratch();
            try
            {
                var (model, steps) = Compensator.Run(
                    state.Rewritten, plan, seams, options, bench.Runner.ChainOptions, bench.Running.Target, scratch, stage.AsIncrement<int>(), bench.Stop);
                var changed = steps.Where(s => s.Kept).Select(s => plan.Groups.IndexOf(plan.Groups.First(g => g.Block == s.Block)));
                var next = state with { Rewritten = model, Lineage = state.Lineage.WithChanged(changed, decided.Name) };
                if (scratch.Length > 0) return (next with { Scratch = state.Scratch.Add(scratch) }, steps);
                scratch.Dispose();
                return (next, steps);
            }
            catch (Exception e)
            {
                scratch.Dispose();
                if (e is IOException) throw new OutputException($"Cannot keep corrected weights in {Path.GetTempPath()}: {e.Message.TrimEnd('.')}.", e);
                throw;
            }
        });
    }

    internal static Section Told(CompensationReport report, ModelState state)
    {
        var shown = ImmutableArray.CreateBuilder<SectionPart>();
        foreach (var trial in report.Trials)
            shown.Add(new SectionLine($"{NameOf(trial.Kind)}: perplexity {trial.HeldOutPerplexity?.ToString("0.00", CultureInfo.CurrentCulture) ?? "not finite"} on held-out calibration text"));
        if (report.Steps.Length > 0)
        {
            shown.Add(new SectionTable(["block", NameOf(report.Kind), "error before", "after", "ridge", ""], [.. report.Steps.Select(s => Row(s, state))]));
            shown.Add(new SectionLine("errors: distance from the original stream behind that block, relative, on held-out calibration tokens"));
        }

        return new Section("compensation", report) { Shown = shown.ToImmutable(), Label = report.Kind == CompensationKind.None ? null : NameOf(report.Kind) };
    }

    private static ImmutableArray<string> Row(CompensationStep step, ModelState state) =>
    [
        state.Lineage.Plan.NameOf(step.Block),
        step.Place,
        step.ErrorBefore?.ToString("0.0000", CultureInfo.CurrentCulture) ?? "-",
        step.ErrorAfter?.ToString("0.0000", CultureInfo.CurrentCulture) ?? "-",
        step.Ridge?.ToString("0e+0", CultureInfo.CurrentCulture) ?? "-",
        step.Kept ? "kept" : $"left out: {step.Note}",
    ];

    private static string NameOf(CompensationKind kind) => kind.ToString().ToLowerInvariant();
}
