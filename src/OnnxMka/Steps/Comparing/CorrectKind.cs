using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Outcomes;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Folding;
using OnnxMka.Steps.Refitting;
using OnnxMka.Steps.SeamMapping;
using OnnxMka.Structure;

namespace OnnxMka.Steps.Comparing;

/// <summary>Tries every correction, and none.</summary>
internal sealed class CorrectKind() : OpenStepKind<Correct>("correct"), IStepKind
{
    /// <summary>Every correction, in the order in which they are tried; null for none.</summary>
    internal static ImmutableArray<CorrectionStep?> All(double? ridge, int passes) =>
    [
        new Refit { Ridge = ridge, Passes = passes },
        new Fold { Ridge = ridge },
        new MapSeams { Ridge = ridge, Map = SeamMapForm.Linear },
        new MapSeams { Ridge = ridge, Map = SeamMapForm.Hadamard },
        new MapSeams { Ridge = ridge, Map = SeamMapForm.Scale },
        null,
    ];

    /// <summary>Every correction is applied, and the loss of each and of none is measured.</summary>
    Prospect? IStepKind.ProspectOf(Step step, BlockMap map, CalibrationSplit split, StepKinds kinds)
    {
        var tried = All(((Correct)step).Ridge, ((Correct)step).Passes);
        var works = tried.OfType<CorrectionStep>().Select(c => c.Work()).ToArray();
        return new Prospect(
            "all corrections of all that is left, at most",
            works.Select(w => Prospect.PassOver(map, split, w)).Aggregate((a, b) => a + b)
                + Prospect.Losses(map, tried.Length, split.HeldOut!.TokenCount),
            works.Max(w => w.Unknowns(map)));
    }

    protected override Decision Decide(Correct step, ModelState state, Workbench bench)
    {
        if (!state.Lineage.Plan.Removed.Any()) return None([], state);
        var tried = bench.Clock.Time("compensate", () => All(step.Ridge, step.Passes)
            .Select(correction => (Correction: correction, Trial: bench.Try(correction is null ? [] : [correction], state, judged: false)))
            .ToArray());
        var plan = state.Lineage.Plan;
        var best = Losses.Least(tried, t => t.Trial.Loss, _ => plan.Removed.Select(plan.NameOf));
        ImmutableArray<CompensationTrial> trials =
            [.. tried.Select(t => new CompensationTrial(t.Correction?.Name ?? CompensationReport.None, t.Trial.Loss.Perplexity))];
        foreach (var other in tried.Where(t => t.Correction != best.Correction)) bench.Release(other.Trial);
        if (best.Correction is null) return None(trials, state);
        bench.Hold(best.Trial);
        return Decision.Of(best.Correction with { Compared = trials });
    }

    private static Decision None(ImmutableArray<CompensationTrial> trials, ModelState state) =>
        new([], [CorrectionSection.None(state, trials)]);
}
