using OnnxMka.Planning;
using OnnxMka.Steps.Dropping;

namespace OnnxMka.Steps.Merging;

/// <summary>A plan as a step: what <c>--plan</c> reads.</summary>
internal static class PlannedStep
{
    /// <summary>A drop where the plan mixes nothing, else a merge. Both are decided.</summary>
    public static Removal Of(MergePlan plan) =>
        plan.MixesNothing
            ? new Drop { Blocks = [.. plan.Removed.Select(plan.NameOf)], Count = plan.Removed.Any() ? null : 0, Reasons = plan }
            : new Merge { Plan = plan };
}
