using OnnxMka.Bench;
using OnnxMka.Steps.Correcting;

namespace OnnxMka.Steps.Comparing;

/// <summary>All corrections are tried, and none; the lowest loss on held-out calibration text wins.</summary>
public sealed record Correct : Step
{
    /// <inheritdoc cref="CorrectionStep.Ridge"/>
    public double? Ridge { get; init; }

    /// <summary>Passes of the refit among them.</summary>
    public int Passes { get; init; } = 1;
}
