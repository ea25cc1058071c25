using System.Collections.Immutable;
using System.Globalization;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Planning;
using OnnxMka.Selection;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Refitting;
using OnnxMka.Structure;

namespace OnnxMka.Steps.Searching;

/// <summary>Decides a drop and its correction by trying (<see cref="BestSearch"/>).</summary>
/// <param name="selectors">Those that are tried are among them.</param>
internal sealed class BestKind(Selectors selectors) : OpenStepKind<Best>("best"), IStepKind
{
    /// <summary>Windows that judge, at most, for each that is held out.</summary>
    private const int Judges = 4;

    /// <summary>
    /// Its budget, or what is tried whatever that is: one quick refit (to half of the text, whose seams are made first) and one in full,
    /// each with its loss. No trial starts that would not end in the budget.
    /// </summary>
    Prospect? IStepKind.ProspectOf(Step step, BlockMap map, CalibrationSplit split, StepKinds kinds)
    {
        var work = new Refit { Ridge = ((Best)step).Ridge }.Work();
        return new Prospect(
            "the search, at most",
            (2 * Prospect.PassOver(map, split, work)) + Outlook.Seams(map, split)
                + Prospect.Losses(map, 2, Judges * split.HeldOut!.TokenCount),
            work.Unknowns(map),
            ((Best)step).Budget);
    }

    protected override Decision Decide(Best step, ModelState state, Workbench bench)
    {
        var options = step.PlanFor(state, bench.Input, Method.Drop);
        MergePlanner.CheckRoom(state.Structure, options);
        if (options.Count == 0 && options.Named.IsDefaultOrEmpty)
        {
            // Nothing goes: the step is a drop of nothing, and there is nothing to search.
            return Decision.Of(
                new Drop { Count = 0, Reasons = MergePlanner.Plan(state.Structure, null, options, state.Lineage.Plan.Fingerprint) },
                CorrectionSection.None(state));
        }

        var found = bench.Clock.Time("search", () => BestSearch.Run(selectors, step, options, state, bench));
        return new Decision(found.Steps, [Told(found.Report, state), .. found.Sections]);
    }

    private static Section Told(SearchReport report, ModelState state)
    {
        string NameOf(int block) => state.Lineage.Plan.NameOf(state.Lineage.InInput(block));
        var rows = report.Trials.Select((trial, i) => (ImmutableArray<string>)
        [
            (trial.IsCut ? "cut" : trial.Selection ?? "exchange") + (i == report.Chosen ? " (taken)" : ""),
            string.Join(',', trial.Removed.Select(NameOf)),
            trial.IsCut ? "its own" : trial.Compensation,
            trial.HeldOutPerplexity?.ToString("0.00", CultureInfo.CurrentCulture) ?? "not finite",
            trial.Seconds.ToString("0.0", CultureInfo.CurrentCulture),
        ]);
        return new Section("search", report)
        {
            Shown =
            [
                new SectionTable(["tried", "blocks dropped", "correction", "held-out perplexity", "seconds"], [.. rows]),
                new SectionLine($"{report.Why}{(report.Complete ? "" : " (the budget ended the search; a larger --budget tries more)")}"),
            ],
        };
    }
}
