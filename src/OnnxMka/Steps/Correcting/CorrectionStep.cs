using System.Collections.Immutable;
using System.Text.Json.Serialization;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Outcomes;

namespace OnnxMka.Steps.Correcting;

/// <summary>A step that makes up for what went, in closed form, without training.</summary>
public abstract record CorrectionStep : Step
{
    /// <summary>
    /// First ridge in units of the mean diagonal of the Gram matrix; null for that of the method (refit 1e-2, others 1e-3).
    /// </summary>
    [Bounds(0, BeyondLeast = true)]
    public double? Ridge { get; init; }

    /// <summary>How much calibration text it is fitted to.</summary>
    public TextAmount Text { get; init; }

    /// <summary>Where it cannot be done, the model stays as it is, and that is told; else the run is refused.</summary>
    public bool WherePossible { get; init; }

    /// <summary>What it was compared with before it was chosen, for reports.</summary>
    [JsonIgnore]
    internal ImmutableArray<CompensationTrial> Compared { get; init; } = [];

    /// <summary>What it is called in reports.</summary>
    [JsonIgnore]
    internal abstract string Name { get; }

    /// <summary>What it does with each unit.</summary>
    internal abstract IUnitWork Work();
}
