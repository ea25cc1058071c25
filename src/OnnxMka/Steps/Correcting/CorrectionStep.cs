using System.Collections.Immutable;
using System.Text.Json.Serialization;
using OnnxMka.Bench;
using OnnxMka.Compensation;

namespace OnnxMka.Steps.Correcting;

/// <summary>A step that makes up for what went, in closed form, without training.</summary>
public abstract record CorrectionStep : Step
{
    /// <summary>First ridge in units of the mean diagonal of the Gram matrix; null for that of the method (refit 1e-2, others 1e-3).</summary>
    public double? Ridge { get; init; }

    /// <summary>How much calibration text it is fitted to.</summary>
    public TextAmount Text { get; init; }

    /// <summary>What it was compared with before it was chosen, for reports.</summary>
    [JsonIgnore]
    public ImmutableArray<CompensationTrial> Compared { get; init; } = [];

    internal abstract CompensationOptions Options { get; }

    /// <summary>Its name in recipes and reports.</summary>
    internal string Name => Options.Kind.ToString().ToLowerInvariant();
}

/// <summary>Every weight that writes to the stream, from the first cut on, is fitted anew to the original seams.</summary>
public sealed record Refit : CorrectionStep
{
    /// <summary>How often it goes over the weights of each block: the first weight is fitted again once the last has changed.</summary>
    public int Passes { get; init; } = 1;

    internal override CompensationOptions Options => new() { Kind = CompensationKind.Refit, Ridge = Ridge, Passes = Passes };
}

/// <summary>A linear map folded into the last down projection before each cut (ReplaceMe, arXiv 2505.02819).</summary>
public sealed record Fold : CorrectionStep
{
    internal override CompensationOptions Options => new() { Kind = CompensationKind.Fold, Ridge = Ridge };
}

/// <summary>What a seam map multiplies the stream with.</summary>
public enum SeamMapForm
{
    /// <summary>A full matrix: two nodes at each cut.</summary>
    Linear,

    /// <summary>A scale for each Hadamard channel: one node (LinearPatch, arXiv 2505.24680).</summary>
    Hadamard,

    /// <summary>One number: one node (Prune and Comp).</summary>
    Scale,
}

/// <summary>Nodes behind each cut that bring the stream near the original's.</summary>
public sealed record MapSeams : CorrectionStep
{
    public SeamMapForm Map { get; init; }

    internal override CompensationOptions Options => new() { Kind = Enum.Parse<CompensationKind>(Map.ToString()), Ridge = Ridge };
}

/// <summary>All corrections are tried, and none; the lowest loss on held-out calibration text wins.</summary>
public sealed record Correct : Step
{
    /// <inheritdoc cref="CorrectionStep.Ridge"/>
    public double? Ridge { get; init; }

    /// <summary>Passes of the refit among them.</summary>
    public int Passes { get; init; } = 1;
}
