using OnnxMka.Bench;
using OnnxMka.Outcomes;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Refitting;

namespace OnnxMka.Steps.Comparing;

/// <summary>All corrections are tried, and none; the lowest loss on held-out calibration text wins.</summary>
public sealed record Correct : Step
{
    /// <inheritdoc cref="CorrectionStep.Ridge"/>
    [Bounds(0, BeyondLeast = true)]
    public double? Ridge { get; init; }

    /// <summary>Passes of the refit among them.</summary>
    [Bounds(1, Most = Refit.MostPasses)]
    public int Passes { get; init; } = 1;
}
