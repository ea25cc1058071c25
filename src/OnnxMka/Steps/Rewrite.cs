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
        var rewritten = bench.Clock.Time("rewrite", () => ModelRewriter.Apply(state.Structure, plan, bench.KeepNames));
        return StepResult.Of(state with { Rewritten = rewritten, Lineage = Mixed(state.Lineage.Then(plan), plan) });
    }

    /// <summary>What a share a block does not say of its weights.</summary>
    private static Lineage Mixed(Lineage lineage, MergePlan plan)
    {
        var merged = plan.Groups.Select((group, place) => (group, place)).Where(g => g.group.IsMerge).ToArray();
        lineage = lineage.WithChanged(merged.Where(g => !g.group.Fitted.IsDefaultOrEmpty).Select(g => g.place), "fitted shares");
        if (!plan.Permutations.IsDefaultOrEmpty) lineage = lineage.WithChanged(merged.Select(g => g.place), "aligned units");
        return plan.Only == MergedHalf.Both ? lineage : lineage.WithChanged(merged.Select(g => g.place), $"{plan.Only} alone".ToLowerInvariant());
    }
}
