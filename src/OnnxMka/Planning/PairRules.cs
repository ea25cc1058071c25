using System.Collections.Immutable;
using OnnxMka.Structure;

namespace OnnxMka.Planning;

/// <summary>Which neighbours a plan may make one of, and why not the others.</summary>
internal sealed class PairRules(ImmutableArray<Block> blocks, PlanOptions options)
{
    /// <summary>Pairs of original neighbours that can be taken, as far as the protected ends and single pairs tell.</summary>
    public int Room => blocks.Length - 1 - Rejected.Length;

    /// <summary>Original neighbours that cannot.</summary>
    public ImmutableArray<RejectedPair> Rejected
    {
        get
        {
            var single = new MergeStack(blocks);
            return [.. Enumerable.Range(1, blocks.Length - 1)
                .Select(i => (Pair: (i - 1, i), Why: Reason(single, i)))
                .Where(p => p.Why is not null)
                .Select(p => new RejectedPair(p.Pair.Item1, p.Pair.Item2, p.Why!))];
        }
    }

    /// <summary>Why a place of the stack cannot go into the one before it; null where it can.</summary>
    public string? Reason(MergeStack stack, int place)
    {
        var (left, right) = (stack[place - 1], stack.LastMember(place));
        if (left < options.ProtectFirst) return $"block {blocks[left].Name} is protected (first {options.ProtectFirst})";
        if (right >= blocks.Length - options.ProtectLast) return $"block {blocks[right].Name} is protected (last {options.ProtectLast})";
        return options.Method == Method.Drop ? null : stack.Obstacle(place);
    }

    /// <summary>Refuses named blocks that do not exist, and a count that leaves no pair to take.</summary>
    public void CheckRoom()
    {
        if (!options.Named.IsDefaultOrEmpty) CheckNamed();
        else if (options.Count > Room) throw TooMany(Room);
    }

    public void CheckNamed()
    {
        if (options.Named.Where(b => b < 0 || b >= blocks.Length).Take(1).ToArray() is [var missing])
        {
            throw new RefusedException(
                "MKA040",
                $"block {missing}",
                $"the model has blocks 0 to {blocks.Length - 1}",
                "Name blocks that exist; numbers start at 0");
        }

        if (options.Named.Distinct().Count() == blocks.Length)
            throw new RefusedException("MKA040", "--blocks", "no block would be left", "Name fewer blocks");
        if (options.Method != Method.Drop && options.Named.Contains(0))
        {
            throw new RefusedException(
                "MKA040", "block 0", "there is no block before it to merge it into", "Use --method drop, or name another block");
        }
    }

    /// <param name="possible">Blocks that can go.</param>
    public RefusedException TooMany(int possible)
    {
        var merges = options.Method == Method.Mka;
        var obstacle = merges ? blocks.Select(b => b.MergeObstacle).FirstOrDefault(o => o is not null) : null;
        var why = !merges ? "" : obstacle is null ? ", and only neighbours of one kind merge" : $", and a block's {obstacle}";
        return TooMany(possible, blocks.Length, options, why, mayDrop: merges);
    }

    /// <param name="possible">Blocks that can go, of <paramref name="count"/>.</param>
    /// <param name="why">What keeps the others beside the protected ends.</param>
    /// <param name="mayDrop">More would go if blocks were deleted.</param>
    public static RefusedException TooMany(int possible, int count, PlanOptions options, string why, bool mayDrop) => new(
        "MKA040",
        $"{options.Count} blocks",
        $"only {possible} of {count} can go (the first {options.ProtectFirst} and last {options.ProtectLast} are protected{why})",
        mayDrop ? "Ask for fewer, lower --protect-first or --protect-last, or use --method drop"
            : "Ask for fewer, or lower --protect-first or --protect-last");
}
