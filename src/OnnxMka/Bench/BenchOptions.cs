using System.Collections.Immutable;
using OnnxMka.Outcomes;
using OnnxMka.Running.Parts;
using OnnxMka.Scoring;

namespace OnnxMka.Bench;

/// <summary>What a bench is set up with.</summary>
internal sealed record BenchOptions
{
    public required StepKinds Kinds { get; init; }

    public RunningOptions Running { get; init; } = new();

    public ScoringOptions Scoring { get; init; } = new();

    public StageClock Clock { get; init; } = new();

    /// <summary>Losses on held-back text are measured, too.</summary>
    public bool Evaluates { get; init; }

    public bool KeepNames { get; init; }

    /// <summary>File name of the model that will be written; sizes depend on it.</summary>
    public string OutputName { get; init; } = "model.onnx";

    public bool ForceExternalData { get; init; }

    /// <summary>The steps that lie ahead, for estimates.</summary>
    public ImmutableArray<Step> Ahead { get; init; } = [];

    /// <summary>Time that the run should take; null for any.</summary>
    public TimeSpan? Budget { get; init; }

    /// <summary>Of this machine and model; null where it was not probed yet.</summary>
    public MachineSpeed? Speed { get; init; }

    public string? JournalFile { get; init; }
}
