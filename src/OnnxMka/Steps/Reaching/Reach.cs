using System.Collections.Immutable;
using OnnxMka.Bench;

namespace OnnxMka.Steps.Reaching;

/// <summary>As many units go as a size or a loss asks for: exactly one of <see cref="Bytes"/> and <see cref="MaxIncrease"/>.</summary>
public sealed record Reach : Step
{
    /// <summary>The output's model and data files may take so much; the fewest units go that get there.</summary>
    public long? Bytes { get; init; }

    /// <summary>Perplexity on held-out calibration text may rise by this share; as many units go as keep it.</summary>
    public double? MaxIncrease { get; init; }

    /// <summary>Open steps; the first is a removal that says nothing of how much goes.</summary>
    public ImmutableArray<Step> Steps { get; init; } = [];
}
