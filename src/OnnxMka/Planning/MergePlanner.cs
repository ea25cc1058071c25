using System.Collections.Immutable;
using OnnxMka.Alignment;
using OnnxMka.Structure;

namespace OnnxMka.Planning;

/// <summary>
/// Scores and limits to a plan. Each step takes two neighbours of the current stack and makes one of them:
/// <code>
/// theta = alpha theta_left + (1 - alpha) theta_right,   alpha = NPIB(last seam of left, last seam of right) clipped to [0.5, 1]
/// </code>
/// Chains multiply, so every survivor is a convex combination of original blocks.
/// </summary>
internal static class MergePlanner
{
    /// <summary>Refuses counts that the protected ends and the kinds of blocks leave no room for.</summary>
    /// <param name="similarity">
    /// NPIB of every pair of seams; null where nothing needs it (named drops, tail order with a fixed alpha).
    /// </param>
    public static MergePlan Plan(BlockMap map, SimilarityTable? similarity, PlanOptions options, string fingerprint) =>
        Plan(map.Blocks, similarity, options, fingerprint) with { Units = map.HalfNames };

    /// <summary>
    /// The drop of <paramref name="count"/> blocks from similarities alone, which may come from activations that another framework
    /// captured. The ends are protected as by default.
    /// </summary>
    public static MergePlan Drop(SimilarityTable similarity, int count, string fingerprint)
    {
        var nowhere = new Seam("", null);
        ImmutableArray<Block> blocks =
        [
            .. Enumerable.Range(0, similarity.Count).Select(i => new Block(i, 0, 0, null, [], [], [], [], nowhere, nowhere)),
        ];
        return Plan(blocks, similarity, new PlanOptions { Method = Method.Drop, Count = count }, fingerprint);
    }

    /// <summary>In which order <see cref="Drop"/> takes the blocks: the first n of them are the plan for n.</summary>
    public static ImmutableArray<int> RemovalOrder(SimilarityTable similarity)
    {
        var free = new PlanOptions();
        return
        [
            .. Drop(similarity, Math.Max(0, similarity.Count - free.ProtectFirst - free.ProtectLast - 1), "").Steps.Select(s => s.From),
        ];
    }

    private static MergePlan Plan(ImmutableArray<Block> blocks, SimilarityTable? similarity, PlanOptions options, string fingerprint)
    {
        var rules = new PairRules(blocks, options);
        var stack = new MergeStack(blocks);
        var steps = options.Named.IsDefaultOrEmpty ? ByCount(rules, similarity, options, stack) : ByName(rules, similarity, options, stack);
        return new MergePlan(
            fingerprint, options.Method, options.Order, blocks.Length, [.. steps], stack.Groups, rules.Rejected)
        { Only = options.Only };
    }

    /// <summary>The plan of decisions that were taken elsewhere, in their order: drops (alpha 1) and merges.</summary>
    public static MergePlan Of(BlockMap map, IEnumerable<MergeStep> steps, PlanOptions options, string fingerprint)
    {
        var taken = steps.ToImmutableArray();
        var stack = new MergeStack(map.Blocks);
        foreach (var step in taken)
        {
            if (step.Alpha < 1) stack.Merge(step.From, step.Alpha);
            else stack.Drop(step.From);
        }

        var method = taken.Any(s => s.Alpha < 1) ? Method.Mka : Method.Drop;
        return new MergePlan(
            fingerprint,
            method,
            options.Order,
            map.Count,
            taken,
            stack.Groups,
            new PairRules(map.Blocks, options).Rejected)
        { Units = map.HalfNames, Only = options.Only };
    }

    /// <summary>Blocks that can go at most, as far as the protected ends and single pairs tell.</summary>
    public static int Room(BlockMap map, PlanOptions options) => new PairRules(map.Blocks, options).Room;

    /// <summary>
    /// Refuses named blocks that do not exist, and a count that leaves no pair to take; asked before anything is calibrated.
    /// </summary>
    public static void CheckRoom(BlockMap map, PlanOptions options) => new PairRules(map.Blocks, options).CheckRoom();

    private static List<MergeStep> ByCount(PairRules rules, SimilarityTable? similarity, PlanOptions options, MergeStack stack)
    {
        var steps = new List<MergeStep>();
        while (steps.Count < options.Count)
        {
            var places = Enumerable.Range(1, stack.Count - 1).Where(i => rules.Reason(stack, i) is null).ToArray();
            if (places.Length == 0) throw rules.TooMany(steps.Count);
            steps.Add(
                Join(
                    stack,
                    options.Order == Order.Tail ? places[^1] : places.MaxBy(i => Similarity(similarity, stack, i)!.Value),
                    similarity,
                    options));
        }

        return steps;
    }

    private static List<MergeStep> ByName(PairRules rules, SimilarityTable? similarity, PlanOptions options, MergeStack stack)
    {
        rules.CheckNamed();
        var steps = new List<MergeStep>();
        foreach (var block in options.Named.Distinct().Order())
        {
            var place = stack.PlaceOf(block);
            if (options.Method == Method.Drop)
            {
                steps.Add(new MergeStep(place > 0 ? stack[place - 1] : null, block, null, 1));
                stack.Drop(block);
                continue;
            }

            if (stack.Obstacle(place) is { } reason)
            {
                throw new RefusedException(
                    "MKA041",
                    $"block {block}",
                    $"it cannot be merged into the block before: {reason}",
                    "Use --method drop, or name other blocks");
            }

            steps.Add(Join(stack, place, similarity, options));
        }

        return steps;
    }

    /// <summary>
    /// Makes one of a place and the one before it. In a drop the share is 1: the weights stay, and the place leaves the dropped block's
    /// seam.
    /// </summary>
    private static MergeStep Join(MergeStack stack, int place, SimilarityTable? similarity, PlanOptions options)
    {
        var score = Similarity(similarity, stack, place);
        var alpha = options.Method == Method.Drop ? 1 : options.Alpha ?? MergeWeight.FromSimilarity(score!.Value);
        var step = new MergeStep(stack[place - 1], stack[place], score, alpha);
        stack.Merge(step.From, alpha);
        return step;
    }

    private static double? Similarity(SimilarityTable? similarity, MergeStack stack, int place) =>
        similarity?[stack.LastMember(place - 1), stack.LastMember(place)];
}
