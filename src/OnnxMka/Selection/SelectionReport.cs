using System.Collections.Immutable;
using System.Text.Json.Serialization;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Selection;

/// <summary>One choice and the figure it rests on.</summary>
/// <param name="Block">Number in the model that it was chosen from.</param>
/// <param name="Score">
/// In the unit of the selector: influence, angle as a share of pi (of the whole run), CKA, or loss in nats a token without the block.
/// </param>
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
/// <param name="Kind">Name of the selector.</param>
internal sealed record SelectionReport(
    [property: JsonConverter(typeof(SelectorNameConverter))] string Kind, ImmutableArray<SelectedBlock> Chosen)
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
