using System.Collections.Immutable;
using OnnxMka.Bench;

namespace OnnxMka.Steps.Caching;

/// <summary>Chooses one size for all value heads, and narrows them unit by unit.</summary>
internal sealed class KvKind() : StepKind<Kv>("kv"), IStepKind
{
    IUnitWork? IStepKind.WorkOf(Step step) => null;

    protected override Decision Decide(Kv step, ModelState state, Workbench bench)
    {
        if (step.Flaw is { } flaw) throw new RefusedException("MKA066", "kv in the recipe", flaw, "Write it as docs/recipes.md shows");
        var caches = KvCaches.Of(state.Structure);
        var size = step.Value ?? caches.SizeFor(step.Ratio!.Value);
        if (size > caches.Size) throw KvCaches.Refused($"value heads of {size}", $"those of the model have {caches.Size} columns", "Ask for less");
        ImmutableArray<Step> steps = size < caches.Size ? [step with { Ratio = null, Value = size }] : [];
        return new Decision(steps, []);
    }

    protected override StepResult Apply(Kv decided, ModelState state, Workbench bench)
    {
        var (caches, plan, size) = (KvCaches.Of(state.Structure), state.Lineage.Plan, decided.Value!.Value);
        var work = new KvWork([.. caches.Places.Select(p => plan.Groups[p].Block)], size, decided.Refit);
        var (narrow, steps) = bench.Clock.Time("kv", () => bench.InOrder(state, work, decided.Text, "kv"));
        return StepResult.Of(narrow, KvSection.Of(new KvReport(caches.Size, size, caches.TokenBytes, caches.BytesWith(size), steps), plan));
    }
}
