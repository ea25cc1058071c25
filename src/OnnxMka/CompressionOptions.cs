using OnnxMka.Alignment;
using OnnxMka.Blocks;
using OnnxMka.Calibration;
using OnnxMka.Compensation;
using OnnxMka.Planning;
using OnnxMka.Runtime;
using OnnxMka.Search;
using OnnxMka.Selection;

namespace OnnxMka;

/// <summary>Everything that one compression depends on.</summary>
public sealed record CompressionOptions
{
    /// <summary>Model file, or a folder that holds one.</summary>
    public required string Input { get; init; }

    /// <summary>Folder, or a name that ends in <c>.onnx</c>; null with <see cref="DryRun"/>.</summary>
    public string? Output { get; init; }

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

    /// <summary>Calibration text; null for the built-in prose.</summary>
    public string? CalibrationFile { get; init; }

    /// <summary>Token ids as JSON lines, for models without a tokenizer.</summary>
    public string? CalibrationIds { get; init; }

    /// <summary>Calibration sequences, N; at least 32.</summary>
    public int CalibrationSamples { get; init; } = 256;

    /// <summary>Tokens of a sequence, T.</summary>
    public int SequenceLength { get; init; } = 128;

    public Pooling Pooling { get; init; } = Pooling.Mean;

    /// <summary>Sequences that run at once; changes memory and speed, not what is computed.</summary>
    public int BatchSize { get; init; } = 8;

    /// <summary>Forces the whole model or one block at a time; null lets <see cref="Memory"/> decide.</summary>
    public RunMode? Run { get; init; }

    /// <summary>Bytes that running the model may take; null for four fifths of what the machine has.</summary>
    public long? Memory { get; init; }

    /// <summary>Chooses among the windows of the calibration text.</summary>
    public int Seed { get; init; }

    public AlignmentOptions Alignment { get; init; } = new();

    /// <summary>Who computes the scores, asked once there is something to score; it may have something to say.</summary>
    public Func<Action<string>, IScoringKernels> Kernels { get; init; } = _ => new CpuScoringKernels();

    /// <summary>Similarities from an earlier run; null to compute them.</summary>
    public Scoring.Analysis? Analysis { get; init; }

    /// <summary>A plan to replay; null to make one.</summary>
    public MergePlan? ReadyPlan { get; init; }

    public ExecutionTarget Target { get; init; } = ExecutionTarget.Cpu;

    /// <summary>Plan and sizes only; nothing is written.</summary>
    public bool DryRun { get; init; }

    /// <summary>Existing output is overwritten.</summary>
    public bool Force { get; init; }

    /// <summary>Perplexity of original, result and plain drop.</summary>
    public bool Evaluate { get; init; } = true;

    /// <summary>Windows of held-back text for the perplexities.</summary>
    public int EvaluationSamples { get; init; } = 128;

    /// <summary>Greedy generations of original and result for reports; needs <see cref="Evaluate"/>.</summary>
    public int Samples { get; init; }

    /// <summary>The output is loaded and stepped before it gets its name.</summary>
    public bool Verify { get; init; } = true;

    /// <summary>The written model is read again, its graph checked, and its blocks found anew.</summary>
    public bool Check { get; init; }

    /// <summary>Nodes and weights keep the old layer numbers in their names; cache ports are renumbered all the same.</summary>
    public bool KeepNames { get; init; }

    /// <summary>All weights go to a data file, even where the input holds them inside.</summary>
    public bool ForceExternalData { get; init; }

    /// <summary>A README.md that says what the model is made of and what it cost.</summary>
    public bool ModelCard { get; init; }

    /// <summary>What the caller reads and writes beside the models: none of it may be written over another, or over theirs.</summary>
    public Emission.NamedFiles Files { get; init; } = Emission.NamedFiles.None;

    /// <summary>The command as the user gave it, for the model card; null for calls as a library.</summary>
    public string? CommandLine { get; init; }
}
