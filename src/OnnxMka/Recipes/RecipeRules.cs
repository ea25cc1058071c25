using OnnxMka.Bench;
using OnnxMka.Selection;
using OnnxMka.Steps;
using OnnxMka.Steps.Caching;
using OnnxMka.Steps.Cutting;
using OnnxMka.Steps.Merging;
using OnnxMka.Steps.Reaching;
using OnnxMka.Steps.Searching;
using OnnxMka.Structure;

namespace OnnxMka.Recipes;

/// <summary>What the options of a recipe must be together.</summary>
internal static class RecipeRules
{
    /// <summary>Refuses (MKA066) options that contradict each other, with their place.</summary>
    /// <param name="name">The file's.</param>
    public static void Check(Recipe recipe, string name, StepKinds kinds, Selectors selectors)
    {
        if (recipe.Calibration is { TextFile: not null, IdsFile: not null })
            throw RecipeNode.Bad(name, "calibration", "it has text and ids, and wants one of them");
        foreach (var (step, place, isReached) in Placed(recipe.Steps, "", kinds))
        {
            var flaw = step is Merge && recipe.IsCut
                ? "a cut counts halves of layers, and a merge is of whole ones: merge in a run before"
                : Flaw(step, isReached, recipe.Granularity, selectors);
            if (flaw is not null) throw RecipeNode.Bad(name, place, flaw);
        }
    }

    /// <summary>Every step, those within others included, and whether another says how much goes by it.</summary>
    private static IEnumerable<(Step Step, string Place, bool IsReached)> Placed(IEnumerable<Step> steps, string within, StepKinds kinds)
    {
        foreach (var (i, step) in steps.Index())
        {
            var place = $"{within}steps[{i}].{kinds.Of(step).Name}";
            yield return (step, place, within.Length > 0 && i == 0);
            if (step is not Reach reach) continue;
            foreach (var inner in Placed(reach.Steps, $"{place}.", kinds)) yield return inner;
        }
    }

    private static string? Flaw(Step step, bool isReached, Granularity granularity, Selectors selectors) => step switch
    {
        Reach reach => reach.Flaw,
        Cut cut => isReached ? null : cut.Flaw,
        Kv kv => kv.Flaw,
        Merge { Plan: { } plan } merge =>
            merge != new Merge { Plan = plan } ? "a plan says all of a merge: no other word goes with it"
            : plan.Units is not null && granularity != Granularity.Sublayer ? "a plan of halves goes with granularity: sublayer" : null,
        Merge when granularity == Granularity.Sublayer => "granularity: sublayer deletes halves of layers: a merge is of whole ones",
        Merge { WeighDrops: true, Select: not "greedy-loss" } => "weigh-drops goes with select: greedy-loss",
        Removal removal => Flaw(removal, isReached, selectors),
        _ => null,
    };

    private static string? Flaw(Removal removal, bool isReached, Selectors selectors)
    {
        if (!isReached && removal.Amounts != 1) return "it wants exactly one of ratio, count and blocks";
        if (removal.Select is not { } select) return null;
        if (removal is Best) return "it chooses the blocks itself, and select is not for it";
        if (removal.IsNamed) return "select chooses blocks; with blocks they are chosen already";
        return selectors.Names.Contains(select)
            ? null
            : $"no selector is called '{select}'; the names are {string.Join(", ", selectors.Names)}";
    }
}
