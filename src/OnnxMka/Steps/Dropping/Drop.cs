using System.Collections.Immutable;
using System.Text.Json.Serialization;
using OnnxMka.Bench;
using OnnxMka.Planning;
using OnnxMka.Selection;

namespace OnnxMka.Steps.Dropping;

/// <summary>Units go, and what is left stays as it is. Decided where <see cref="Removal.Blocks"/> names them.</summary>
public sealed record Drop : Removal
{
    /// <summary>How the units came to be chosen, for reports; null where they were named.</summary>
    [JsonIgnore]
    internal MergePlan? Reasons { get; init; }
}

/// <summary>Chooses units and deletes them.</summary>
/// <param name="selectors">What <see cref="Removal.Select"/> may name.</param>
internal sealed class DropKind(Selectors selectors) : StepKind<Drop>("drop")
{
    protected override Decision Decide(Drop step, ModelState state, Workbench bench)
    {
        if (step.Reasons is not null) return Decision.Of(step);
        var options = step.PlanFor(state, bench.Input, Method.Drop);
        if (step.IsNamed)
        {
            MergePlanner.CheckRoom(state.Structure, options);
            return Decision.Of(Decided(step, state, Plan(state, null, options)));
        }

        if (Choosing.Choose(selectors, step.Select, options, state, bench) is { } selection)
        {
            return Decision.Of(
                Decided(step, state, Plan(state, null, options with { Named = selection.Blocks, Count = 0 })),
                Choosing.Told(selection, state));
        }

        MergePlanner.CheckRoom(state.Structure, options);
        var similarity = options.Order == Order.Similarity && options.Count > 0 ? bench.Analyse(state).Npib : null;
        return Decision.Of(Decided(step, state, Plan(state, similarity, options)));
    }

    protected override StepResult Apply(Drop decided, ModelState state, Workbench bench) =>
        Rewrite.Apply(decided.Reasons ?? Plan(state, null, decided.PlanFor(state, bench.Input, Method.Drop)), state, bench);

    protected override Step Control(Drop decided) => decided;

    private static MergePlan Plan(ModelState state, SimilarityTable? similarity, PlanOptions options) =>
        MergePlanner.Plan(state.Structure, similarity, options, state.Lineage.Plan.Fingerprint);

    private static Drop Decided(Drop step, ModelState state, MergePlan plan) => new()
    {
        Blocks = Removal.NamesOf(plan.Removed, state),
        Count = plan.Removed.Any() ? null : 0,
        Reasons = plan,
        ProtectFirst = step.ProtectFirst,
        ProtectLast = step.ProtectLast,
    };
}
