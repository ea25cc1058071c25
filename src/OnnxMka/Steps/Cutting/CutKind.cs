using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Cutting;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Refitting;
using OnnxMka.Structure;

namespace OnnxMka.Steps.Cutting;

/// <summary>Prices what each unit can lose, takes the cheapest set, and cuts the units in order.</summary>
internal sealed class CutKind() : StepKind<Cut>("cut"), IStepKind
{
    Prospect? IStepKind.ProspectOf(Step step, BlockMap map, CalibrationSplit split, StepKinds kinds)
    {
        var work = new CutWork(ImmutableSortedDictionary<int, ImmutableSortedDictionary<string, int>>.Empty, ((Cut)step).FitMlp);
        return new Prospect(
            "prices and a cut of all blocks, up to",
            Outlook.Seams(map, split) + Prospect.PassOver(map, split, work),
            new RefitWork(RefitWork.UsualRidge, 1).Unknowns(map));
    }

    protected override Decision Decide(Cut step, ModelState state, Workbench bench)
    {
        if (step.Flaw is { } flaw) throw new RefusedException("MKA066", "cut in the recipe", flaw, "Write it as docs/recipes.md shows");
        if (step.IsDecided) return Decision.Of(step);
        var ratio = step.Ratio!.Value;
        var forms = CutChoice.Of(state.Structure, Prices(state, bench), step, ratio);
        var gone = forms.Where(f => f.Gone).Select(f => f.Place).ToArray();
        var units = forms.Where(f => !f.Sizes.IsEmpty)
            .ToImmutableSortedDictionary(f => NameOf(f.Place, state), f => f.Sizes, StringComparer.Ordinal);
        ImmutableArray<Step> steps =
        [
            .. gone.Length == 0 ? [] : new Step[] { new Drop { Blocks = Removal.NamesOf(gone, state), ProtectFirst = 0, ProtectLast = 0 } },
            .. units.Count > 0 ? [step with { Ratio = null, Units = units }]
                : gone.Length > 0 ? [new Refit { Text = step.Text }]
                : Array.Empty<Step>(),
        ];
        return new Decision(steps, [CutSection.Choice(forms, ratio, state)]);
    }

    protected override StepResult Apply(Cut decided, ModelState state, Workbench bench)
    {
        var plan = state.Lineage.Plan;
        var units = decided.Units.SelectMany(u => Places(u.Key, state, bench).Select(unit => (unit, u.Value)))
            .ToImmutableSortedDictionary(u => u.unit, u => u.Value);
        var work = new CutWork(units, decided.FitMlp);
        var (cut, steps) = bench.Clock.Time("cut", () => bench.InOrder(state, work, decided.Text, "cut"));
        return StepResult.Of(cut, CutSection.Steps(steps, plan));
    }

    /// <summary>What each unit of a state can lose; priced once.</summary>
    internal static ImmutableArray<UnitPrices> Prices(ModelState state, Workbench bench) => bench.Known($"prices {state.Key}", () =>
    {
        var map = state.Structure;
        return bench.Clock.Time("price", () => bench.WithSeamsOf(state, seams =>
        {
            using var stage = bench.Progress.Begin("prices", map.Count, "units");
            return Pricing.Of(map, bench.Chain(map), seams, stage.AsIncrement<int>(), bench.Stop);
        }));
    });

    private static string NameOf(int place, ModelState state) => Removal.NamesOf([place], state)[0];

    /// <summary>Numbers in the input of the units that a name means. Refuses (MKA040) those that are not there.</summary>
    private static IEnumerable<int> Places(string name, ModelState state, Workbench bench)
    {
        foreach (var unit in PlanOptions.Numbers(bench.Input.Structure, name))
        {
            if (unit < 0 || unit >= bench.Input.Structure.Count || state.Lineage.Plan.PlaceOf(unit) < 0)
                throw new RefusedException("MKA040", name, "the model has no such block here", "Name blocks that are still there");
            yield return unit;
        }
    }
}
