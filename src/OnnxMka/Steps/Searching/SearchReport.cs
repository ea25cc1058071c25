using System.Collections.Immutable;
using System.Text.Json.Serialization;
using OnnxMka.Compensation;
using OnnxMka.Selection;

namespace OnnxMka.Steps.Searching;

/// <summary>One way that was tried.</summary>
/// <param name="Selection">Name of the selector that chose its blocks; null for an exchange of one block of the best so far.</param>
/// <param name="Compensation">Name of the correction; <c>none</c> for none.</param>
/// <param name="Removed">Numbers in the model that was searched.</param>
/// <param name="HeldOutPerplexity">On calibration windows that nothing was fitted to; null where it is no finite number.</param>
internal sealed record SearchTrial(
    [property: JsonConverter(typeof(SelectorNameConverter))] string? Selection,
    string Compensation,
    ImmutableArray<int> Removed,
    double? HeldOutPerplexity,
    double Seconds)
{
    /// <summary>Calibration windows that the correction was fitted to; 0 where it is fitted to none.</summary>
    public int Windows { get; init; }

    /// <summary>How often a refit went over the weights of each block.</summary>
    public int Passes { get; init; } = 1;

    /// <summary>In place of a correction: the trial is a cut, which drops no block and corrects by itself.</summary>
    public const string Cut = "cut";

    [JsonIgnore]
    internal bool IsCut => Compensation == Cut;

    /// <summary>For people.</summary>
    [JsonIgnore]
    internal string Name => IsCut
        ? "a cut"
        : $"{Selection ?? "exchange"}, drop {string.Join(',', Removed)}, {Compensation}"
            + $"{(Windows > 0 ? $" to {Windows} windows" : "")}{(Passes > 1 ? $", {Passes} passes" : "")}";

    /// <summary>What it came to.</summary>
    [JsonIgnore]
    internal string Said => HeldOutPerplexity is { } perplexity
        ? FormattableString.Invariant($"perplexity {perplexity:0.00}")
        : "no finite perplexity";
}

/// <summary>What was tried, in order, and which one was taken.</summary>
/// <param name="Complete">
/// False where the budget ended the search: with another budget, or on another machine, the result may differ.
/// </param>
internal sealed record SearchReport(ImmutableArray<SearchTrial> Trials, int Chosen, bool Complete, string Why);
