using OnnxMka.Compensation;
using OnnxMka.Emission;
using OnnxMka.Planning;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Tokens;
using OnnxMka.Scoring;
using OnnxMka.Selection;
using OnnxMka.Structure;

namespace OnnxMka.Jobs;

/// <summary>Everything that one compression depends on.</summary>
public sealed record CompressionOptions
{
    /// <summary>Model file, or a folder that holds one.</summary>
    public required string Input { get; init; }

    public CalibrationOptions Calibration { get; init; } = new();

    public RunningOptions Running { get; init; } = new();

    public ScoringOptions Scoring { get; init; } = new();

    public OutputOptions Output { get; init; } = new();

    /// <summary>Share of the decoder blocks that goes, 0 up to but not 1; null where a count or blocks are given.</summary>
    public double? Ratio { get; init; }

    /// <summary>Which blocks go and how; <see cref="PlanOptions.Count"/> is filled in from <see cref="Ratio"/>.</summary>
    public PlanOptions Plan { get; init; } = new();

    /// <summary>How the blocks that go are chosen; null for the order in <see cref="Plan"/>, or the blocks named there.</summary>
    public SelectionKind? Select { get; init; }

    /// <summary>Layers or their halves; of halves, ratio and count speak of halves.</summary>
    public Granularity Granularity { get; init; }

    /// <summary>Size or loss that decides how many blocks go; null where a number or the blocks are given.</summary>
    public ReductionTarget? Goal { get; init; }

    /// <summary>Greedy selection weighs a merge against the drop of each candidate and takes the better.</summary>
    public bool WeighMerges { get; init; }

    /// <summary>File that keeps the rounds of a greedy selection; null for none.</summary>
    public string? ResumeFile { get; init; }

    /// <summary>What makes up for the removed blocks.</summary>
    public CompensationOptions Compensate { get; init; } = new();

    /// <summary>Time that <see cref="Method.Best"/> starts new trials in.</summary>
    public TimeSpan Budget { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A plan to replay; null to make one.</summary>
    public MergePlan? ReadyPlan { get; init; }

    /// <summary>Perplexity of original, result and plain drop.</summary>
    public bool Evaluate { get; init; } = true;

    /// <summary>Greedy generations of original and result for reports; needs <see cref="Evaluate"/>.</summary>
    public int Samples { get; init; }

    /// <summary>The output is loaded and stepped before it gets its name.</summary>
    public bool Verify { get; init; } = true;

    /// <summary>The written model is read again, its graph checked, and its blocks found anew.</summary>
    public bool Check { get; init; }
}
