using OnnxMka.Compensation;
using OnnxMka.Planning;

namespace OnnxMka.Cards;

/// <summary>What a correction changed, as files for people and other tools tell it.</summary>
internal static class Corrections
{
    /// <summary>New numbers of the layers (or halves) that were changed, or behind which nodes stand, with what did it; in order.</summary>
    public static IEnumerable<(int Layer, CompensationKind Kind)> Of(MergePlan plan, CompensationReport? report)
    {
        if (report is null) return [];
        var changed = report.Steps.Where(s => s.Kept).Select(s => s.Block).ToHashSet();
        return plan.Groups.Select((group, layer) => (group.Block, layer)).Where(g => changed.Contains(g.Block)).Select(g => (g.layer, report.Kind));
    }

    /// <summary>One line for a model card; null where nothing was changed.</summary>
    public static string? Line(MergePlan plan, CompensationReport? report)
    {
        var changed = Of(plan, report).ToArray();
        if (changed.Length == 0) return null;
        var layers = (changed.Length == 1 ? "new layer " : "new layers ") + string.Join(", ", changed.Select(c => c.Layer));
        return changed[0].Kind switch
        {
            CompensationKind.Refit => $"weights of {layers} were then fitted anew, so that what they leave is near what the original leaves there (refit, closed form)",
            CompensationKind.Fold => $"a linear map was then folded into {layers} (fold, closed form)",
            var kind => $"behind {layers} nodes were added that bring the stream near the original's ({kind.ToString().ToLowerInvariant()})",
        };
    }
}
