using System.Collections.Immutable;
using System.Text.Json.Serialization;
using OnnxMka.Bench;
using OnnxMka.Outcomes;
using OnnxMka.Planning;

namespace OnnxMka.Steps.Merging;

/// <summary>
/// Blocks go into the block before them, as convex combinations of weights (MKA, arXiv 2406.16330). Decided where there is a plan.
/// </summary>
public sealed record Merge : Removal
{
    /// <summary>Share of the block that is kept, 0 to 1; null takes the pair's similarity clipped to [0.5, 1].</summary>
    [Bounds(0, Most = 1)]
    public double? Alpha { get; init; }

    /// <summary>
    /// The shares are then fitted, one a parameter: least squares of the merged block's output to that of the blocks it stands for.
    /// </summary>
    public bool FitAlpha { get; init; }

    /// <summary>What is put in the order of the kept block before weights are averaged.</summary>
    public AlignUnits Align { get; init; }

    /// <summary>Which half of each merged block is mixed; the other stays the kept block's own.</summary>
    public MergedHalf Only { get; init; } = MergedHalf.Both;

    /// <summary>The selector <c>greedy-loss</c> weighs a merge against the drop of each candidate, and takes the better.</summary>
    public bool WeighDrops { get; init; }

    /// <summary>
    /// Where so many cannot merge (quantised weights, neighbours of other kinds), they are dropped, and that is told; else refused.
    /// </summary>
    public bool OrDrop { get; init; }

    /// <summary>What was decided: groups with their shares, and orders of units; null where that is still open.</summary>
    [JsonInclude]
    internal MergePlan? Plan { get; init; }
}
