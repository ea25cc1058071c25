using System.Collections.Immutable;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Steps;

/// <summary>Which units a selector may choose from.</summary>
internal static class Candidates
{
    /// <summary>
    /// Unprotected units; at least one stays. One that will be merged goes into the one before: that must not be protected either, and of
    /// its kind. (Where that one goes as well, what is left before it is of the same kind again.)
    /// </summary>
    public static ImmutableArray<int> Of(BlockMap map, PlanOptions options, bool weighsMerges = false)
    {
        var merges = options.Method == Method.Mka && !weighsMerges;
        var first = options.ProtectFirst + (merges ? 1 : 0);
        var candidates = Enumerable.Range(first, Math.Max(0, map.Count - first - options.ProtectLast))
            .Where(b => !merges || MergeStack.Obstacle(map.Blocks[b - 1], map.Blocks[b]) is null)
            .ToImmutableArray();
        return candidates.Length < map.Count ? candidates : candidates[1..];
    }

    /// <summary>Refuses more units than can go (MKA040).</summary>
    public static void CheckRoom(BlockMap map, PlanOptions options, bool weighsMerges = false)
    {
        var room = Of(map, options, weighsMerges).Length;
        if (options.Count <= room) return;
        var kinds = options.Method == Method.Mka && !weighsMerges ? ", and only neighbours of one kind merge" : "";
        throw PairRules.TooMany(room, map.Count, options, kinds, mayDrop: false);
    }
}
