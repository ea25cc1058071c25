using System.Collections.Immutable;
using System.Text.Json.Serialization;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Selection;

/// <summary>How the blocks that go are chosen.</summary>
public enum SelectionKind
{
    /// <summary>The most similar neighbours by NPIB, one pair after the other.</summary>
    Npib,

    /// <summary>The last unprotected pair, again and again.</summary>
    Tail,

    /// <summary>The smallest block influence, <c>1 - mean cos(x_l, x_l+1)</c> over tokens (ShortGPT).</summary>
    Bi,

    /// <summary>The run of n blocks with the smallest angle between its two ends at the last token (Gromov et al.).</summary>
    Angular,

    /// <summary>The largest linear CKA of pooled samples between the two ends of a block.</summary>
    Cka,

    /// <summary>One block after the other: the one whose absence raises the loss on calibration text least (SLEB).</summary>
    GreedyLoss,
}

/// <summary>One choice and the figure it rests on.</summary>
/// <param name="Block">Original number.</param>
/// <param name="Score">In the unit of the kind: influence, angle as a share of pi (of the whole run), CKA, or loss in nats a token without the block.</param>
public sealed record SelectedBlock(int Block, double Score)
{
    /// <summary>Share of the block before where this one was merged into it; null where it was dropped.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Alpha { get; init; }

    /// <summary>The loss of the other way with that block, where both were weighed and it has a finite one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? OtherScore { get; init; }
}

/// <summary>Blocks to remove, in the order of choice.</summary>
public sealed record SelectionReport(SelectionKind Kind, ImmutableArray<SelectedBlock> Chosen)
{
    public ImmutableArray<int> Blocks => [.. Chosen.Select(c => c.Block).Order()];

    /// <summary>The choices as decisions of a plan, where drops and merges were weighed.</summary>
    internal IEnumerable<MergeStep> Steps(BlockMap map)
    {
        var stack = new MergeStack(map.Blocks);
        foreach (var choice in Chosen)
        {
            var place = stack.PlaceOf(choice.Block);
            yield return new MergeStep(place > 0 ? stack[place - 1] : null, choice.Block, null, choice.Alpha ?? 1);
            if (choice.Alpha is { } alpha) stack.Merge(choice.Block, alpha);
            else stack.Drop(choice.Block);
        }
    }
}

/// <summary>Names of the kinds on the command line and in reports.</summary>
public static class SelectionNames
{
    public static ImmutableArray<string> All { get; } = [.. Enum.GetValues<SelectionKind>().Select(Of)];

    public static string Of(SelectionKind kind) => kind == SelectionKind.GreedyLoss ? "greedy-loss" : kind.ToString().ToLowerInvariant();

    public static SelectionKind Parse(string name) => Enum.GetValues<SelectionKind>().Single(k => Of(k) == name);
}
