using System.Collections.Immutable;
using System.Text.Json.Serialization;
using OnnxMka.Bench;
using OnnxMka.Outcomes;
using OnnxMka.Steps.Cutting;
using OnnxMka.Steps.Merging;

namespace OnnxMka.Steps.Reaching;

/// <summary>As many units go as a size or a loss asks for: exactly one of <see cref="Bytes"/> and <see cref="MaxIncrease"/>.</summary>
public sealed record Reach : Step
{
    /// <summary>The output's model and data files may take so much; the fewest units go that get there.</summary>
    [Bounds(1)]
    [JsonConverter(typeof(BytesConverter))]
    public long? Bytes { get; init; }

    /// <summary>Perplexity on held-out calibration text may rise by this share; as many units go as keep it.</summary>
    [Bounds(0)]
    [JsonConverter(typeof(ShareConverter))]
    public double? MaxIncrease { get; init; }

    /// <summary>Open steps; the first is a removal or a cut that says nothing of how much goes.</summary>
    public ImmutableArray<Step> Steps { get; init; } = [];

    /// <summary>What its options lack; null for nothing.</summary>
    internal string? Flaw => (Bytes is null) == (MaxIncrease is null) ? "it wants one of bytes and max-increase"
        : Steps is [Removal { Amounts: 0 } and not Merge { Plan: not null }, ..] or [Cut { Ratio: null, Units.IsEmpty: true }, ..] ? null
        : "it wants steps of which the first is a removal without ratio, count and blocks, or a cut without ratio and units";

    /// <summary>By value, lists included.</summary>
    public bool Equals(Reach? other) =>
        base.Equals(other) && (Bytes, MaxIncrease) == (other.Bytes, other.MaxIncrease) && Steps.SequenceEqual(other.Steps);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Bytes, MaxIncrease, Steps.Length);
}
