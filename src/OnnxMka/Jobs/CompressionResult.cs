using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Emission;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Running.Tokens;
using OnnxMka.Scoring;
using OnnxMka.Structure;
using OnnxMka.Verification;

namespace OnnxMka.Jobs;

/// <summary>Perplexities of the same text: as it was, as it is, and with the same blocks plainly dropped.</summary>
/// <param name="Original">Of the input.</param>
/// <param name="Result">Of the model as written.</param>
/// <param name="PlainDrop">The control; equal to <paramref name="Result"/> where nothing was merged or corrected.</param>
/// <param name="Text">Name of the held-back text.</param>
/// <param name="TextSha256">Of its bytes, lower-case hex.</param>
/// <param name="Windows">How many were measured on.</param>
/// <param name="WindowLength">Tokens of each.</param>
public sealed record QualityTable(
    Perplexity Original, Perplexity Result, Perplexity PlainDrop, string Text, string TextSha256, int Windows, int WindowLength)
{
    /// <summary>Greedy text of original and result; empty unless <see cref="CompressionOptions.Samples"/> asks for it.</summary>
    internal ImmutableArray<GeneratedPair> Generations { get; init; } = [];

    /// <summary>Speed and memory of original and result, in turns; null where the whole model does not fit the memory.</summary>
    internal SpeedTable? Speed { get; init; }
}

/// <summary>What one compression did.</summary>
public sealed record CompressionResult
{
    internal CompressionResult(
        BlockMap blocks,
        ImmutableArray<Step> steps,
        Lineage lineage,
        Lineage origin,
        ImmutableArray<Section> sections,
        Analysis? analysis,
        EmittedModel? emitted,
        ImmutableArray<TensorDelta> deltas,
        ImmutableArray<Verdict> verdicts,
        QualityTable? quality,
        long originalBytes,
        long plannedBytes,
        ImmutableArray<StageTime> timings)
    {
        (Blocks, Steps, Lineage, Origin, Sections, Analysis) = (blocks, steps, lineage, origin, sections, analysis);
        (Emitted, Deltas, Verdicts, Quality) = (emitted, deltas, verdicts, quality);
        (OriginalBytes, PlannedBytes, Timings) = (originalBytes, plannedBytes, timings);
    }

    /// <summary>Of the input.</summary>
    public BlockMap Blocks { get; internal init; }

    /// <summary>All steps, decided.</summary>
    public ImmutableArray<Step> Steps { get; internal init; }

    /// <summary>Where the blocks of the result come from.</summary>
    public Lineage Lineage { get; internal init; }

    /// <summary>The same from the first original on, which an earlier run was given; equal where this is the first.</summary>
    public Lineage Origin { get; internal init; }

    /// <summary>What steps had to tell; of two of one name the later counts.</summary>
    public ImmutableArray<Section> Sections { get; internal init; }

    /// <summary>Similarities of the input's seams; null where no step asked for them.</summary>
    internal Analysis? Analysis { get; init; }

    /// <summary>Null for a dry run.</summary>
    public EmittedModel? Emitted { get; internal init; }

    /// <summary>How far merged weights moved; empty where nothing was merged.</summary>
    internal ImmutableArray<TensorDelta> Deltas { get; init; }

    /// <summary>Checks of the written model, all of them passed; empty for a dry run.</summary>
    public ImmutableArray<Verdict> Verdicts { get; internal init; }

    /// <summary>Null where it was not asked for or no text could be run.</summary>
    public QualityTable? Quality { get; internal init; }

    /// <summary>Model and data files of the input.</summary>
    public long OriginalBytes { get; internal init; }

    /// <summary>Model and data files of the output.</summary>
    public long PlannedBytes { get; internal init; }

    /// <summary>
    /// The text that was calibrated on: what was asked for, with the number of windows where that was left open and mattered.
    /// </summary>
    public CalibrationOptions Calibration { get; internal init; } = new();

    /// <summary>What each stage took, in the order of their ends.</summary>
    internal ImmutableArray<StageTime> Timings { get; init; }

    /// <summary>True where the input was itself made by an earlier run.</summary>
    public bool HasEarlierRun =>
        Origin.Plan.BlockCount != Plan.BlockCount
            || !Origin.Plan.Groups.Select(g => g.Block).SequenceEqual(Plan.Groups.Select(g => g.Block))
            || Origin.Changes.Length != Lineage.Changes.Length;

    /// <summary>What became of the input's blocks.</summary>
    internal MergePlan Plan => Lineage.Plan;

    /// <summary>What a step tells, by the type of its report; null where there is none.</summary>
    public T? Told<T>()
        where T : class => Sections.Select(s => s.Value).OfType<T>().LastOrDefault();

    /// <summary>The sections that count, in the order in which they first came.</summary>
    public IEnumerable<Section> Shown => Sections.GroupBy(s => s.Name, StringComparer.Ordinal).Select(g => g.Last());
}
