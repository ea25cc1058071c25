using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Planning;
using OnnxMka.Selection;

namespace OnnxMka.Steps;

/// <summary>Asks a selector, and tells what it chose.</summary>
internal static class Choosing
{
    /// <summary>The units that go, or null where the planner takes pairs in order, and needs no list.</summary>
    /// <param name="weighsMerges">A merge of each candidate is weighed against its drop.</param>
    public static SelectionReport? Choose(
        Selectors selectors,
        string? name,
        PlanOptions plan,
        ModelState state,
        Workbench bench,
        bool weighsMerges = false,
        SimilarityTable? similarity = null,
        CancellationToken until = default)
    {
        if (name is null || Selectors.Orders.Contains(name)) return null;
        var selector = selectors.Named(name);
        Candidates.CheckRoom(state.Structure, plan, weighsMerges);
        if (plan.Count == 0) return new SelectionReport(name, []);
        var request = new SelectionRequest(state, bench, Candidates.Of(state.Structure, plan, weighsMerges), plan.Count)
        {
            Plan = plan,
            WeighsMerges = weighsMerges,
            Similarity = similarity,
            Until = until,
        };
        var chosen = bench.Clock.Time("select", () => selector.Choose(request));
        var blocks = chosen.Select(c => c.Block).ToArray();
        if (blocks.Length != plan.Count || blocks.Distinct().Count() != blocks.Length || !blocks.All(b => request.Candidates.Contains(b)))
        {
            throw new InvalidOperationException(
                $"the selector '{name}' chose {string.Join(", ", blocks)} where {plan.Count} of {string.Join(", ", request.Candidates)} "
                    + "were asked for");
        }

        return new SelectionReport(name, chosen);
    }

    public static Section Told(SelectionReport report, ModelState state)
    {
        var chosen = string.Join(", ", report.Chosen.Select(c => Choice(c, state.Lineage.Plan.NameOf(state.Lineage.InInput(c.Block)))));
        return new Section("selection", report)
        {
            Shown = report.Chosen.IsEmpty ? [] : [new SectionLine($"chosen by {report.Kind}: {chosen}")],
        };
    }

    private static string Choice(SelectedBlock choice, string name)
    {
        var (taken, left) = choice.Alpha is null ? ("dropped", "merged") : ("merged", "dropped");
        return $"{name} ({choice.Score:0.0000}{(choice.OtherScore is { } other ? $" {taken}, {other:0.0000} {left}" : "")})";
    }
}
