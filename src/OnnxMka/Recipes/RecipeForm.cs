using System.Collections.Immutable;
using System.Text.Json.Serialization;
using OnnxMka.Alignment;
using OnnxMka.Bench;
using OnnxMka.Outcomes;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Tokens;
using OnnxMka.Scoring;
using OnnxMka.Structure;

namespace OnnxMka.Recipes;

/// <summary>A recipe's words in a file. Each is that of the flag, or of the step's option.</summary>
internal sealed record RecipeForm
{
    public const int CurrentVersion = 1;

    [Bounds(CurrentVersion, Most = CurrentVersion)]
    public int Version { get; init; }

    public Granularity Granularity { get; init; }

    public ImmutableArray<Step> Steps { get; init; } = [];

    public CalibrationOptions Calibration { get; init; } = new();

    public ScoringForm Scoring { get; init; } = new();
}

/// <summary>How seams are compared. <see cref="AlignmentOptions"/> check each value when it is set.</summary>
internal sealed record ScoringForm
{
    [JsonIgnore]
    public AlignmentOptions Options { get; init; } = new();

    public Pooling Pool { get; init; }

    public int Neighbours { get => Options.Neighbours; init => Options = Options with { Neighbours = value }; }

    public int EmbeddingDim { get => Options.EmbeddingDimension; init => Options = Options with { EmbeddingDimension = value }; }

    public double DiffusionTime { get => Options.DiffusionTime; init => Options = Options with { DiffusionTime = value }; }

    public double? Sigma { get => Options.Sigma; init => Options = Options with { Sigma = value }; }
}
