using OnnxMka.Bench;

namespace OnnxMka.Steps.Caching;

/// <summary>Chooses one size for the heads of all layers, and narrows them unit by unit.</summary>
internal sealed class KvKind() : StepKind<Kv>("kv")
{
    protected override Decision Decide(Kv step, ModelState state, Workbench bench)
    {
        if (step.Flaw is { } flaw) throw new RefusedException("MKA066", "kv in the recipe", flaw, "Write it as docs/recipes.md shows");
        var caches = KvCaches.Of(state.Structure);
        var size = step.IsDecided ? caches.Checked(step) : caches.SizeFor(step.Ratio!.Value);
        if (size == caches.Size) return new Decision([], []);
        return Decision.Of(step with { Ratio = null, Head = caches.IsFused ? size : null, Value = caches.IsFused ? null : size });
    }

    protected override StepResult Apply(Kv decided, ModelState state, Workbench bench)
    {
        var (caches, plan) = (KvCaches.Of(state.Structure), state.Lineage.Plan);
        var size = caches.Checked(decided);
        var work = new KvWork([.. caches.Places.Select(p => plan.Groups[p].Block)], size, caches.IsFused, decided.Refit);
        var (narrow, steps) = bench.Clock.Time("kv", () => bench.InOrder(state, work, decided.Text, "kv"));
        var report = new KvReport(caches.IsFused, caches.Size, size, caches.TokenBytes, caches.BytesWith(size), steps);
        return StepResult.Of(narrow, KvSection.Of(report, plan));
    }
}
