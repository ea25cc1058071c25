using System.Collections.Immutable;
using OnnxMka.Alignment;
using OnnxMka.Blocks;

namespace OnnxMka.Planning;

/// <summary>
/// Scores and limits to a plan. Each step takes two neighbours of the current stack and makes one of them:
/// <code>
/// theta = alpha theta_left + (1 - alpha) theta_right,   alpha = NPIB(last seam of left, last seam of right) clipped to [0.5, 1]
/// </code>
/// Chains multiply, so every survivor is a convex combination of original blocks.
/// </summary>
public static class MergePlanner
{
    /// <summary>Refuses counts that the protected ends and the kinds of blocks leave no room for.</summary>
    /// <param name="similarity">NPIB of every pair of seams; null where nothing needs it (named drops, tail order with a fixed alpha).</param>
    public static MergePlan Plan(BlockMap map, SimilarityTable? similarity, PlanOptions options, string fingerprint) =>
        Plan(map.Blocks, similarity, options, fingerprint) with { Units = map.HalfNames };

    /// <summary>
    /// The drop of <paramref name="count"/> blocks from similarities alone, which may come from activations that another framework captured.
    /// The ends are protected as by default.
    /// </summary>
    public static MergePlan Drop(SimilarityTable similarity, int count, string fingerprint)
    {
        var nowhere = new Seam("", null);
        ImmutableArray<Block> blocks = [.. Enumerable.Range(0, similarity.Count).Select(i => new Block(i, 0, 0, null, [], [], [], [], nowhere, nowhere))];
        return Plan(blocks, similarity, new PlanOptions { Method = Method.Drop, Count = count }, fingerprint);
    }

    /// <summary>In which order <see cref="Drop"/> takes the blocks: the first n of them are the plan for n.</summary>
    public static ImmutableArray<int> RemovalOrder(SimilarityTable similarity)
    {
        var free = new PlanOptions();
        return [.. Drop(similarity, Math.Max(0, similarity.Count - free.ProtectFirst - free.ProtectLast - 1), "").Steps.Select(s => s.From)];
    }

    private static MergePlan Plan(ImmutableArray<Block> blocks, SimilarityTable? similarity, PlanOptions options, string fingerprint)
    {
        var stack = blocks.Select(b => new Group([b.Index], MergePlan.Single(b.Index))).ToList();
        var steps = options.Named.IsDefaultOrEmpty ? ByCount(blocks, similarity, options, stack) : ByName(blocks, similarity, options, stack);
        var groups = stack.Select(g => new MergeGroup(g.Members[0], g.Weights));
        return new MergePlan(fingerprint, options.Method, options.Order, blocks.Length, [.. steps], [.. groups], RejectedPairs(blocks, options)) { Only = options.Only };
    }

    /// <summary>The plan of decisions that were taken elsewhere, in their order: drops (alpha 1) and merges.</summary>
    public static MergePlan Of(BlockMap map, IEnumerable<MergeStep> steps, PlanOptions options, string fingerprint)
    {
        var taken = steps.ToImmutableArray();
        var stack = new MergeStack(map);
        foreach (var step in taken)
        {
            if (step.Alpha < 1) stack.Merge(step.From, step.Alpha);
            else stack.Drop(step.From);
        }

        var method = taken.Any(s => s.Alpha < 1) ? Method.Mka : Method.Drop;
        return new MergePlan(fingerprint, method, options.Order, map.Count, taken, stack.Groups, RejectedPairs(map.Blocks, options)) { Units = map.HalfNames, Only = options.Only };
    }

    /// <summary>Blocks that can go at most, as far as the protected ends and single pairs tell.</summary>
    public static int Room(BlockMap map, PlanOptions options)
    {
        var single = map.Blocks.Select(b => new Group([b.Index], MergePlan.Single(b.Index))).ToArray();
        return single.Zip(single.Skip(1)).Count(p => Reason(map.Blocks, options, p.First, p.Second) is null);
    }

    /// <summary>Refuses named blocks that do not exist, and a count that leaves no pair to take; asked before anything is calibrated.</summary>
    public static void CheckRoom(BlockMap map, PlanOptions options)
    {
        var blocks = map.Blocks;
        if (!options.Named.IsDefaultOrEmpty)
        {
            CheckNamed(blocks, options);
            return;
        }

        var possible = Room(map, options);
        if (options.Count > possible) throw TooMany(blocks, options, possible);
    }

    private static List<MergeStep> ByCount(ImmutableArray<Block> blocks, SimilarityTable? similarity, PlanOptions options, List<Group> stack)
    {
        var steps = new List<MergeStep>();
        while (steps.Count < options.Count)
        {
            var pairs = Enumerable.Range(0, stack.Count - 1).Where(i => Reason(blocks, options, stack[i], stack[i + 1]) is null).ToArray();
            if (pairs.Length == 0) throw TooMany(blocks, options, steps.Count);
            var left = options.Order == Order.Tail ? pairs[^1] : pairs.MaxBy(i => Similarity(similarity, stack[i], stack[i + 1])!.Value);
            steps.Add(Join(stack, left, similarity, options));
        }

        return steps;
    }

    private static void CheckNamed(ImmutableArray<Block> blocks, PlanOptions options)
    {
        if (options.Named.Where(b => b < 0 || b >= blocks.Length).Take(1).ToArray() is [var missing])
            throw new RefusedException("MKA040", $"block {missing}", $"the model has blocks 0 to {blocks.Length - 1}", "Name blocks that exist; numbers start at 0");
        if (options.Named.Distinct().Count() == blocks.Length) throw new RefusedException("MKA040", "--blocks", "no block would be left", "Name fewer blocks");
        if (options.Method != Method.Drop && options.Named.Contains(0))
            throw new RefusedException("MKA040", "block 0", "there is no block before it to merge it into", "Use --method drop, or name another block");
    }

    private static List<MergeStep> ByName(ImmutableArray<Block> blocks, SimilarityTable? similarity, PlanOptions options, List<Group> stack)
    {
        var steps = new List<MergeStep>();
        CheckNamed(blocks, options);
        foreach (var block in options.Named.Distinct().Order())
        {
            var place = stack.FindIndex(g => g.Members[0] == block);
            if (options.Method == Method.Drop)
            {
                stack.RemoveAt(place);
                steps.Add(new MergeStep(place > 0 ? stack[place - 1].Members[0] : null, block, null, 1));
                continue;
            }

            if (Reason(blocks, options with { ProtectFirst = 0, ProtectLast = 0 }, stack[place - 1], stack[place]) is { } reason)
                throw new RefusedException("MKA041", $"block {block}", $"it cannot be merged into the block before: {reason}", "Use --method drop, or name other blocks");
            steps.Add(Join(stack, place - 1, similarity, options));
        }

        return steps;
    }

    private static MergeStep Join(List<Group> stack, int place, SimilarityTable? similarity, PlanOptions options)
    {
        var (left, right) = (stack[place], stack[place + 1]);
        var score = Similarity(similarity, left, right);
        if (options.Method == Method.Drop)
        {
            stack[place] = left with { Members = left.Members.AddRange(right.Members) };
            stack.RemoveAt(place + 1);
            return new MergeStep(left.Members[0], right.Members[0], score, 1);
        }

        var alpha = options.Alpha ?? MergeWeight.FromSimilarity(score!.Value);
        var weights = left.Weights.ToDictionary(w => w.Key, w => alpha * w.Value);
        foreach (var (block, weight) in right.Weights) weights[block] = (1 - alpha) * weight;
        stack[place] = new Group(left.Members.AddRange(right.Members), weights.Where(w => w.Value != 0).ToImmutableSortedDictionary());
        stack.RemoveAt(place + 1);
        return new MergeStep(left.Members[0], right.Members[0], score, alpha);
    }

    private static double? Similarity(SimilarityTable? similarity, Group left, Group right) => similarity?[left.Members[^1], right.Members[^1]];

    private static string? Reason(ImmutableArray<Block> blocks, PlanOptions options, Group left, Group right)
    {
        if (left.Members[0] < options.ProtectFirst) return $"block {blocks[left.Members[0]].Name} is protected (first {options.ProtectFirst})";
        if (right.Members[^1] >= blocks.Length - options.ProtectLast) return $"block {blocks[right.Members[^1]].Name} is protected (last {options.ProtectLast})";
        return options.Method == Method.Drop ? null : MergeObstacle(blocks[left.Members[0]], blocks[right.Members[0]]);
    }

    /// <summary>Why two blocks cannot be mixed; null where they can.</summary>
    internal static string? MergeObstacle(Block a, Block b)
    {
        if (a.Kind != b.Kind) return $"blocks {a.Index} and {b.Index} are of different kinds";
        return (a.MergeObstacle ?? b.MergeObstacle) is { } obstacle ? $"block {a.Index}: its {obstacle}" : null;
    }

    private static ImmutableArray<RejectedPair> RejectedPairs(ImmutableArray<Block> blocks, PlanOptions options)
    {
        var single = blocks.Select(b => new Group([b.Index], MergePlan.Single(b.Index))).ToArray();
        return [.. single.Zip(single.Skip(1))
            .Select(p => (Left: p.First.Members[0], Right: p.Second.Members[0], Why: Reason(blocks, options, p.First, p.Second)))
            .Where(p => p.Why is not null)
            .Select(p => new RejectedPair(p.Left, p.Right, p.Why!))];
    }

    private static RefusedException TooMany(ImmutableArray<Block> blocks, PlanOptions options, int possible)
    {
        var obstacle = options.Method == Method.Mka ? blocks.Select(b => b.MergeObstacle).FirstOrDefault(o => o is not null) : null;
        var why = obstacle is null ? "and only neighbours of one kind merge" : $"and a block's {obstacle}";
        return new RefusedException(
            "MKA040", $"{options.Count} blocks", $"only {possible} of {blocks.Length} can go (the first {options.ProtectFirst} and last {options.ProtectLast} are protected, {why})", "Ask for fewer, lower --protect-first or --protect-last, or use --method drop");
    }

    private sealed record Group(ImmutableArray<int> Members, ImmutableSortedDictionary<int, double> Weights);
}
