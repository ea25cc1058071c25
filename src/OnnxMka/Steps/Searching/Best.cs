using OnnxMka.Bench;
using OnnxMka.Outcomes;

namespace OnnxMka.Steps.Searching;

/// <summary>
/// Several ways to remove units and to correct what is left are tried; what loses least on held-out calibration text is taken.
/// </summary>
public sealed record Best : Removal
{
    /// <summary>Time in which new trials start.</summary>
    public TimeSpan Budget { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>First ridge of the corrections that are tried, in units of the mean diagonal; null for that of each.</summary>
    [Bounds(0, BeyondLeast = true)]
    public double? Ridge { get; init; }
}
