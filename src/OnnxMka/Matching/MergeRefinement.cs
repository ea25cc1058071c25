using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Matching;

/// <summary>Makes the averages of a plan better: units aligned, then shares fitted.</summary>
internal static class MergeRefinement
{
    /// <summary>
    /// Windows that it looks at: correlations over 32 x 128 tokens have a standard error below 0.02, and a block has far fewer shares than
    /// tokens.
    /// </summary>
    private const int Windows = 32;

    /// <summary>
    /// The refined plan and what was done. Refuses as <see cref="BlockMatching"/> does, and models that cannot be run block by block.
    /// </summary>
    public static (MergePlan Plan, MergeReport Report) Run(
        BlockMap map,
        MergePlan plan,
        PlanOptions options,
        CalibrationSplit split,
        ChainOptions chainOptions,
        ExecutionTarget target,
        IProgressSink progress,
        CancellationToken ct)
    {
        var merges = plan.Groups.Where(g => g.IsMerge).Sum(g => g.Weights.Count - 1);
        if (merges == 0) return (plan, new MergeReport([], []));
        var few = new CalibrationSplit(Few(split.Fit), Few(split.HeldOut!));
        using var seams = Seams(BlockChain.Of(map, target, chainOptions), few, progress, ct);
        ImmutableArray<UnitMatch> matches = [];
        if (options.Align != AlignUnits.None)
        {
            using var aligning = progress.Begin("align", merges, "blocks");
            (var orders, matches) = BlockMatching.Run(
                BlockChain.Of(map, target, chainOptions), plan, options.Align, seams.Fit, aligning.AsIncrement<int>(), ct);
            plan = plan with { Permutations = orders };
            map = PermutedBlocks.Apply(map, orders);
        }

        if (!options.FitAlpha) return (plan, new MergeReport(matches, []));
        using var fitting = progress.Begin("fit shares", plan.Groups.Count(g => g.IsMerge), "blocks");
        var (fitted, fits) = ShareFitting.Run(BlockChain.Of(map, target, chainOptions), plan, seams, fitting.AsIncrement<int>(), ct);
        return (fitted, new MergeReport(matches, fits));
    }

    private static SplitSeams Seams(BlockChain chain, CalibrationSplit split, IProgressSink progress, CancellationToken ct)
    {
        using var stage = progress.Begin("original seams", (chain.Map.Count + 1L) * (split.Fit.Count + split.HeldOut!.Count), "samples");
        return SplitSeams.Of(chain, split, stage.AsIncrement<int>(), ct);
    }

    private static CalibrationSet Few(CalibrationSet set) =>
        set with { Samples = [.. Spread.Choose(set.Count, Windows, 0).Select(i => set.Samples[i])] };
}
