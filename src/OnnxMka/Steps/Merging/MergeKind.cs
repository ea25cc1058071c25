using System.Collections.Immutable;
using System.Globalization;
using OnnxMka.Bench;
using OnnxMka.Matching;
using OnnxMka.Planning;
using OnnxMka.Selection;
using OnnxMka.Steps.Dropping;

namespace OnnxMka.Steps.Merging;

/// <summary>Chooses pairs of neighbours and the share of each, and sums their weights.</summary>
/// <param name="selectors">What <see cref="Removal.Select"/> may name.</param>
internal sealed class MergeKind(Selectors selectors) : StepKind<Merge>("merge")
{
    protected override Decision Decide(Merge step, ModelState state, Workbench bench)
    {
        if (step.Plan is not null) return Decision.Of(step);
        var options = step.PlanFor(state, bench.Input, Method.Mka) with
        {
            Alpha = step.Alpha,
            FitAlpha = step.FitAlpha,
            Align = step.Align,
            Only = step.Only,
        };
        if (Obstacle(step, options, state) is { } obstacle)
        {
            var line = $"nothing is merged, blocks are dropped: {obstacle}";
            bench.Progress.Note(line);
            var dropped = bench.Decide(step.As(new Drop()), state);
            return dropped with
            {
                Sections = [new Section("fallback", new { obstacle }) { Shown = [new SectionLine(line)] }, .. dropped.Sections],
            };
        }

        var (plan, sections) = Planned(step, options, state, bench);
        if (step.FitAlpha || step.Align != AlignUnits.None)
        {
            (plan, var merging) = bench.Clock.Time("refine merges", () => MergeRefinement.Run(
                state.Structure,
                plan,
                options,
                bench.Text(TextAmount.Usual),
                bench.Runner.ChainOptions,
                bench.Running.Target,
                bench.Progress,
                bench.Stop));
            sections = [.. sections, Told(merging)];
        }

        return new Decision([new Merge { Plan = plan }], sections);
    }

    protected override StepResult Apply(Merge decided, ModelState state, Workbench bench) =>
        Rewrite.Apply(decided.Plan ?? throw new ArgumentException("a merge is decided first", nameof(decided)), state, bench);

    protected override Step Control(Merge decided)
    {
        var plan = decided.Plan!;
        return plan.MixesNothing ? decided : new Drop { Blocks = [.. plan.Removed.Select(plan.NameOf)], Reasons = plan.AsDrop() };
    }

    /// <summary>Why a merge that may be a drop cannot be done; null where it can.</summary>
    private static string? Obstacle(Merge step, PlanOptions options, ModelState state)
    {
        if (!step.OrDrop || step.WeighDrops || (options.Count == 0 && !step.IsNamed)) return null;
        var (map, stack) = (state.Structure, new MergeStack(state.Structure.Blocks));
        if (step.IsNamed)
            return options.Named.Where(b => b > 0 && b < map.Count).Select(b => stack.Obstacle(b)).FirstOrDefault(o => o is not null);
        return MergePlanner.Room(map, options) >= options.Count
            ? null
            : map.Blocks.Select(b => b.MergeObstacle is { } o ? $"a block's {o}" : null).FirstOrDefault(o => o is not null)
                ?? $"{options.Count} cannot, since only neighbours of one kind merge";
    }

    private (MergePlan Plan, ImmutableArray<Section> Sections) Planned(Merge step, PlanOptions options, ModelState state, Workbench bench)
    {
        var (map, fingerprint) = (state.Structure, state.Lineage.Plan.Fingerprint);
        if (step.Select is null || Selectors.Orders.Contains(step.Select) || step.IsNamed)
        {
            MergePlanner.CheckRoom(map, options);
            return (MergePlanner.Plan(map, Similarity(options), options, fingerprint), []);
        }

        Candidates.CheckRoom(map, options, step.WeighDrops);
        var weights = step.WeighDrops ? Similarity(options with { Named = [], Order = Order.Tail }) : null;
        var selection = Choosing.Choose(selectors, step.Select, options, state, bench, step.WeighDrops, weights)!;
        options = options with { Named = selection.Blocks };
        var plan = step.WeighDrops
            ? MergePlanner.Of(map, selection.Steps(map), options, fingerprint)
            : MergePlanner.Plan(map, Similarity(options), options, fingerprint);
        return (plan, [Choosing.Told(selection, state)]);

        // Pairs in order of similarity and shares by it are all that needs one.
        SimilarityTable? Similarity(PlanOptions wanted)
        {
            var named = !wanted.Named.IsDefaultOrEmpty;
            var needed = wanted.Alpha is null || (!named && wanted.Order == Order.Similarity);
            return needed && (named || wanted.Count > 0) ? bench.Analyse(state).Npib : null;
        }
    }

    private static Section Told(MergeReport merging)
    {
        var shown = ImmutableArray.CreateBuilder<SectionPart>();
        if (merging.Matches.Length > 0)
        {
            shown.Add(new SectionTable(
                ["block", "into", "units", "moved", "correlation before", "after"],
                [.. merging.Matches.Select(m => (ImmutableArray<string>)
                [
                    Number(m.Block), Number(m.Into), m.Units.ToString().ToLowerInvariant(), $"{m.Moved} of {m.Count}",
                    m.Before.ToString("0.0000", CultureInfo.CurrentCulture), m.After.ToString("0.0000", CultureInfo.CurrentCulture),
                ])]));
        }

        foreach (var fit in merging.Fits)
        {
            var shares = fit.Kept ? string.Join(", ", fit.Shares.Select(s => $"{s.Role} {s.Alpha:0.00}")) : "the planned shares stay";
            shown.Add(
                new SectionLine(
                    $"shares of block {fit.Block}: held-out error {fit.ErrorBefore:0.0000} -> {fit.ErrorAfter:0.0000}: {shares}"));
        }

        return new Section("merging", merging) { Shown = shown.ToImmutable() };
    }

    private static string Number(int block) => block.ToString(CultureInfo.InvariantCulture);
}
