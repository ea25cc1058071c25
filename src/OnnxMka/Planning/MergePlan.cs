using System.Collections.Immutable;

namespace OnnxMka.Planning;

/// <summary>One decision: block <paramref name="From"/> (with all that was merged into it) goes into block <paramref name="Into"/>.</summary>
/// <param name="Into">Original number of the block that stays; null where a named first block is dropped.</param>
/// <param name="From">Original number of the block that goes.</param>
/// <param name="Similarity">NPIB of the two seams; null where it was not needed.</param>
/// <param name="Alpha">Share of <paramref name="Into"/>; 1 for a drop.</param>
public sealed record MergeStep(int? Into, int From, double? Similarity, double Alpha);

/// <summary>A surviving block and the original blocks its weights are made of.</summary>
/// <param name="Block">Original number of the block whose place and nodes it has.</param>
/// <param name="Weights">Convex weights over original blocks; they sum to 1.</param>
public sealed record MergeGroup(int Block, ImmutableSortedDictionary<int, double> Weights)
{
    /// <summary>True where weights of several blocks are mixed.</summary>
    public bool IsMerge => Weights.Count > 1;
}

/// <summary>A pair of neighbours that was not considered, and why.</summary>
public sealed record RejectedPair(int Left, int Right, string Reason);

/// <summary>What will be done to a model: a value that can be read, edited and replayed.</summary>
/// <param name="Fingerprint">Of the model that it was made for.</param>
/// <param name="BlockCount">Blocks of that model, L.</param>
/// <param name="Groups">Surviving blocks in order; the new number of a block is its place here.</param>
public sealed record MergePlan(
    string Fingerprint,
    Method Method,
    Order Order,
    int BlockCount,
    ImmutableArray<MergeStep> Steps,
    ImmutableArray<MergeGroup> Groups,
    ImmutableArray<RejectedPair> Rejected)
{
    /// <summary>Which half of each merged block is mixed.</summary>
    public MergedHalf Only { get; init; } = MergedHalf.Both;

    /// <summary>Original numbers of the blocks that go, ascending.</summary>
    public IEnumerable<int> Removed => Enumerable.Range(0, BlockCount).Except(Groups.Select(g => g.Block));

    /// <summary>The same blocks removed, nothing mixed: the control.</summary>
    public MergePlan AsDrop() => this with
    {
        Method = Method.Drop,
        Only = MergedHalf.Both,
        Steps = [.. Steps.Select(s => s with { Alpha = 1 })],
        Groups = [.. Groups.Select(g => new MergeGroup(g.Block, Single(g.Block)))],
    };

    internal static ImmutableSortedDictionary<int, double> Single(int block) => ImmutableSortedDictionary<int, double>.Empty.Add(block, 1);
}
