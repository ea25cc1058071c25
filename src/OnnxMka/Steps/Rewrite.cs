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
        return StepResult.Of(state with { Rewritten = rewritten, Lineage = state.Lineage.Then(plan) });
    }
}
