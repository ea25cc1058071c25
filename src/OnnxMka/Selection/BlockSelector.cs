using OnnxMka.Blocks;
using OnnxMka.Chain;
using OnnxMka.Planning;

namespace OnnxMka.Selection;

/// <summary>Chooses the blocks that go, by what the model does to calibration text.</summary>
public static class BlockSelector
{
    /// <summary>True for the kinds that the planner itself knows: it needs no list of blocks for them.</summary>
    public static bool IsPlanned(SelectionKind kind) => kind is SelectionKind.Npib or SelectionKind.Tail;

    /// <summary>Steps that <see cref="Choose"/> reports.</summary>
    public static int Work(SelectionKind kind, BlockMap map, PlanOptions options) =>
        kind == SelectionKind.GreedyLoss ? GreedyLoss.Evaluations(Candidates(map, options).Length, options.Count) : 1;

    /// <summary>As many blocks as the options count, none of the protected ends. Refuses where there are not so many (MKA040).</summary>
    /// <param name="seams">Of the original model over calibration text.</param>
    public static SelectionReport Choose(
        SelectionKind kind, BlockChain chain, OriginalSeams seams, PlanOptions options, IProgress<int>? progress = null, CancellationToken ct = default)
    {
        var candidates = Candidates(chain.Map, options);
        if (options.Count > candidates.Length)
        {
            throw new RefusedException(
                "MKA040", $"{options.Count} blocks", $"only {candidates.Length} of {chain.Map.Count} can go (the first {options.ProtectFirst} and last {options.ProtectLast} are protected)", "Ask for fewer, or lower --protect-first or --protect-last");
        }

        if (options.Count == 0) return new SelectionReport(kind, []);
        if (kind == SelectionKind.GreedyLoss) return GreedyLoss.Choose(chain, seams, candidates, options.Count, progress, ct);
        var report = SeamSelection.Choose(kind, seams, candidates, options.Count, ct);
        progress?.Report(1);
        return report;
    }

    /// <summary>Unprotected blocks; at least one block stays. A merge changes the block before, so the first unprotected one cannot go by merging.</summary>
    private static int[] Candidates(BlockMap map, PlanOptions options)
    {
        var first = options.ProtectFirst + (options.Method == Method.Mka ? 1 : 0);
        var candidates = Enumerable.Range(first, Math.Max(0, map.Count - first - options.ProtectLast)).ToArray();
        return candidates.Length < map.Count ? candidates : candidates[1..];
    }
}
