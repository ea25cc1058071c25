using OnnxMka.Planning;
using OnnxMka.Running.Parts;
using OnnxMka.Structure;

namespace OnnxMka.Selection;

/// <summary>Chooses the blocks that go, by what the model does to calibration text.</summary>
public static class BlockSelector
{
    /// <summary>True for the kinds that the planner itself knows: it needs no list of blocks for them.</summary>
    public static bool IsPlanned(SelectionKind kind) => kind is SelectionKind.Npib or SelectionKind.Tail;

    /// <summary>Steps that <see cref="Choose"/> reports.</summary>
    public static int Work(SelectionKind kind, BlockMap map, PlanOptions options, bool weighsMerges = false)
    {
        if (kind != SelectionKind.GreedyLoss) return 1;
        var candidates = Candidates(map, options, weighsMerges).Length;
        return Enumerable.Range(0, options.Count).Sum(round => GreedyLoss.RoundWork(candidates, round, weighsMerges));
    }

    /// <summary>As many blocks as the options count, none of the protected ends. Refuses where there are not so many (MKA040).</summary>
    /// <param name="seams">Of the original model over calibration text.</param>
    public static SelectionReport Choose(
        SelectionKind kind, BlockChain chain, OriginalSeams seams, PlanOptions options, IProgress<int>? progress = null, CancellationToken ct = default)
    {
        CheckRoom(chain.Map, options);
        if (options.Count == 0) return new SelectionReport(kind, []);
        var candidates = Candidates(chain.Map, options);
        if (kind == SelectionKind.GreedyLoss)
        {
            using var greedy = new GreedyLoss(chain, seams, new GreedyOptions { Candidates = candidates, ProtectFirst = options.ProtectFirst });
            return greedy.Choose(options.Count, progress, ct);
        }

        var report = SeamSelection.Choose(kind, seams, candidates, options.Count, ct);
        progress?.Report(1);
        return report;
    }

    /// <summary>Refuses more blocks than can go (MKA040).</summary>
    internal static void CheckRoom(BlockMap map, PlanOptions options, bool weighsMerges = false)
    {
        var room = Candidates(map, options, weighsMerges).Length;
        if (options.Count <= room) return;
        var kinds = options.Method == Method.Mka && !weighsMerges ? ", and only neighbours of one kind merge" : "";
        throw new RefusedException(
            "MKA040", $"{options.Count} blocks", $"only {room} of {map.Count} can go (the first {options.ProtectFirst} and last {options.ProtectLast} are protected{kinds})", "Ask for fewer, or lower --protect-first or --protect-last");
    }

    /// <summary>
    /// Unprotected blocks; at least one block stays. A block that will be merged goes into the one before: that must not be protected
    /// either, and of its kind. (Where that one goes as well, what is left before it is of the same kind again.)
    /// </summary>
    internal static int[] Candidates(BlockMap map, PlanOptions options, bool weighsMerges = false)
    {
        var merges = options.Method == Method.Mka && !weighsMerges;
        var first = options.ProtectFirst + (merges ? 1 : 0);
        var candidates = Enumerable.Range(first, Math.Max(0, map.Count - first - options.ProtectLast))
            .Where(b => !merges || MergeStack.Obstacle(map.Blocks[b - 1], map.Blocks[b]) is null)
            .ToArray();
        return candidates.Length < map.Count ? candidates : candidates[1..];
    }
}
