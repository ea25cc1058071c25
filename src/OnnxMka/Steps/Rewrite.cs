using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Planning;
using OnnxMka.Rewriting;

namespace OnnxMka.Steps;

/// <summary>A plan applied to a state.</summary>
internal static class Rewrite
{
    public static StepResult Apply(MergePlan plan, ModelState state, Workbench bench)
    {
        if (plan.Fingerprint != bench.Input.Lineage.Plan.Fingerprint)
            throw new RefusedException("MKA042", "the plan", "it was made for another model", "Make a plan for this model");
        var reduced = bench.Clock.Time("rewrite", () => ModelRewriter.Reduce(state.Structure, plan));
        return StepResult.Of(state with
        {
            Reduced = reduced with { Merged = [.. Earlier(state, plan, reduced), .. reduced.Merged.Select(m => InInput(m, state))] },
            Lineage = Mixed(state.Lineage.Then(plan), plan),
        });
    }

    /// <summary>What a share a block does not say of its weights.</summary>
    private static Lineage Mixed(Lineage lineage, MergePlan plan)
    {
        var merged = plan.Groups.Select((group, place) => (group, place)).Where(g => g.group.IsMerge).ToArray();
        lineage = lineage.WithChanged(merged.Where(g => !g.group.Fitted.IsDefaultOrEmpty).Select(g => g.place), "fitted shares");
        if (!plan.Permutations.IsDefaultOrEmpty) lineage = lineage.WithChanged(merged.Select(g => g.place), "aligned units");
        return plan.Only == MergedHalf.Both
            ? lineage
            : lineage.WithChanged(merged.Select(g => g.place), $"{plan.Only} alone".ToLowerInvariant());
    }

    /// <summary>Mixed weights of units that stay, and were not mixed again.</summary>
    private static IEnumerable<MergedParameter> Earlier(ModelState state, MergePlan plan, ReducedModel reduced)
    {
        var kept = plan.Groups.Select(g => state.Lineage.InInput(g.Block)).ToHashSet();
        var again = reduced.Merged.Select(m => (state.Lineage.InInput(m.Block), m.Role)).ToHashSet();
        return state.Reduced.Merged.Where(m => kept.Contains(m.Block) && !again.Contains((m.Block, m.Role)));
    }

    /// <summary>What a step mixed, in the input's numbers and weights.</summary>
    private static MergedParameter InInput(MergedParameter merged, ModelState state)
    {
        var groups = state.Lineage.Plan.Groups;
        var before = state.Reduced.Merged.FirstOrDefault(m => m.Name == merged.Kept);
        return merged with
        {
            Block = groups[merged.Block].Block,
            Kept = before?.Kept ?? merged.Kept,
            Sources = merged.Sources
                .SelectMany(s => groups[s.Key].Weights.Select(w => (w.Key, Weight: s.Value * w.Value)))
                .GroupBy(s => s.Key)
                .ToImmutableSortedDictionary(g => g.Key, g => g.Sum(s => s.Weight)),
        };
    }
}
