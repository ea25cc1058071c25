using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Selection;
using OnnxMka.Steps.Cutting;
using OnnxMka.Steps.Merging;
using OnnxMka.Steps.Searching;
using OnnxMka.Structure;

namespace OnnxMka.Steps.Reaching;

/// <summary>Tries numbers of units for the first of its steps, until size or loss is what was asked for.</summary>
internal sealed class ReachKind() : OpenStepKind<Reach>("reach"), IStepKind
{
    /// <summary>More than the nodes, constants and ports of a block take in a file.</summary>
    private const int NodeBytes = 1 << 20;

    /// <summary>
    /// A size is corrected for once, most often; a loss is measured of each number that halves what is left of the range.
    /// </summary>
    Prospect? IStepKind.ProspectOf(Step step, BlockMap map, CalibrationSplit split, StepKinds kinds)
    {
        var reach = (Reach)step;
        var once = kinds.Ahead(reach.Steps, map, split);
        if (once is null || reach.Bytes is not null) return once;
        var times = (int)Math.Ceiling(Math.Log2(map.Count + 1));
        return once with
        {
            What = $"{times} numbers of blocks are tried, at most",
            Effort = times * (once.Effort + Prospect.Losses(map, 1, split.HeldOut!.TokenCount)),
            Budget = times * once.Budget,
        };
    }

    protected override Decision Decide(Reach step, ModelState state, Workbench bench)
    {
        if (step.Flaw is { } flaw) throw new RefusedException("MKA066", "reach in the recipe", flaw, "Write it as docs/recipes.md shows");
        if (step.Steps[0] is Cut cut) return CutReach.Decide(step, cut, state, bench);
        var (removal, rest) = ((Removal)step.Steps[0], step.Steps[1..]);

        // The best way is several searches of its own: none of them is asked again for another number.
        bench.IsSearching = removal is not Best;
        try
        {
            var search = new TargetSearch<Course>(
                Most(removal, state, bench),
                count => count == 1 ? "one block" : $"{count} blocks",
                count => bench.Run([removal with { Count = count }], state),
                chosen => chosen.Then(bench.Run(rest, chosen.State)),
                bench.Release,
                bench.Progress.Note);
            var found = step.Bytes is { } bytes
                ? search.BySize(bytes, LeastRemovals(state, bench.PlannedBytes(state) - bytes), course => bench.PlannedBytes(course.State))
                : search.ByLoss(
                    Losses.OfOriginal(bench.HeldOutLoss(bench.Input)), step.MaxIncrease!.Value, course => bench.HeldOutLoss(course.State));
            foreach (var taken in found.Taken) bench.Hold(taken);
            return new Decision(found.Steps, found.Sections);
        }
        finally
        {
            bench.IsSearching = false;
        }
    }

    private static int Most(Removal removal, ModelState state, Workbench bench)
    {
        var (method, weighs) = removal is Merge merge ? (Method.Mka, merge.WeighDrops) : (Method.Drop, false);
        var options = removal.PlanFor(state, bench.Input, method);
        var isOrdered = removal is Best || removal.Select is null || Selectors.Orders.Contains(removal.Select);
        return isOrdered ? MergePlanner.Room(state.Structure, options) : Candidates.Of(state.Structure, options, weighs).Length;
    }

    /// <summary>Units that must go at least for the weights to shrink by so many bytes, whichever they are.</summary>
    private static int LeastRemovals(ModelState state, long bytes)
    {
        var count = 0;
        foreach (var block in state.Structure.Blocks.Select(state.Structure.ParameterBytes).OrderDescending())
        {
            if (bytes <= 0) return count;
            bytes -= block + NodeBytes;
            count++;
        }

        return count;
    }
}
