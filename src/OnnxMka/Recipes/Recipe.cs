using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Graph;
using OnnxMka.Running.Tokens;
using OnnxMka.Scoring;
using OnnxMka.Steps.Cutting;
using OnnxMka.Steps.Reaching;
using OnnxMka.Structure;

namespace OnnxMka.Recipes;

/// <summary>What is done to a model, on which text: everything but where it runs and where it goes.</summary>
public sealed record Recipe
{
    /// <summary>In order; open or decided.</summary>
    public ImmutableArray<Step> Steps { get; init; } = [];

    /// <summary>The text that steps look at.</summary>
    public CalibrationOptions Calibration { get; init; } = new();

    /// <summary>How the seams of a model are compared.</summary>
    public ScoringOptions Scoring { get; init; } = new();

    /// <summary>Layers or their halves; of halves, ratios and counts speak of halves.</summary>
    public Granularity Granularity { get; init; }

    /// <summary>True where a step cuts blocks.</summary>
    internal bool IsCut => Steps.Any(s => s is Cut or Reach { Steps: [Cut, ..] });

    /// <summary>True where a cut is to choose, or names halves; one that was decided for layers counts in layers.</summary>
    private bool IsFine => Steps.Any(s => s is Reach { Steps: [Cut, ..] }
        || (s is Cut cut && (!cut.IsDecided || cut.Units.Keys.Any(k => k.Contains('.')))));

    /// <summary>Its blocks in a model: where a step cuts blocks, in the smallest pieces that there are, unless it says which.</summary>
    internal BlockMap Blocks(OnnxModel model) => Granularity == Granularity.Block && IsFine
        ? BlockDetector.DetectFinest(model)
        : BlockDetector.Detect(model, Granularity);

    /// <summary>By value, lists included.</summary>
    public bool Equals(Recipe? other) =>
        other is not null
            && Steps.SequenceEqual(other.Steps)
            && (Calibration, Scoring, Granularity) == (other.Calibration, other.Scoring, other.Granularity);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Steps.Length, Calibration, Granularity);
}
