using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Emission;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Scoring;
using OnnxMka.Structure;
using OnnxMka.Verification;

namespace OnnxMka.Jobs;

/// <summary>Perplexities of the same text: as it was, as it is, and with the same blocks plainly dropped.</summary>
/// <param name="Result">Of the model as written.</param>
/// <param name="PlainDrop">The control; equal to <paramref name="Result"/> where nothing was merged or corrected.</param>
public sealed record QualityTable(
    Perplexity Original, Perplexity Result, Perplexity PlainDrop, string Text, string TextSha256, int Windows, int WindowLength)
{
    /// <summary>Greedy text of original and result; empty unless <see cref="CompressionOptions.Samples"/> asks for it.</summary>
    public ImmutableArray<GeneratedPair> Generations { get; init; } = [];

    /// <summary>Speed and memory of original and result, in turns; null where the whole model does not fit the memory.</summary>
    public SpeedTable? Speed { get; init; }
}

/// <summary>What one compression did.</summary>
/// <param name="Blocks">Of the input.</param>
/// <param name="Steps">All steps, decided.</param>
/// <param name="Lineage">Where the blocks of the result come from.</param>
/// <param name="Origin">The same from the first original on, which an earlier run was given; equal where this is the first.</param>
/// <param name="Sections">What steps had to tell; of two of one name the later counts.</param>
/// <param name="Emitted">Null for a dry run.</param>
/// <param name="Quality">Null where it was not asked for or no text could be run.</param>
/// <param name="OriginalBytes">Model and data files of the input.</param>
/// <param name="PlannedBytes">Model and data files of the output.</param>
public sealed record CompressionResult(
    BlockMap Blocks,
    ImmutableArray<Step> Steps,
    Lineage Lineage,
    Lineage Origin,
    ImmutableArray<Section> Sections,
    Analysis? Analysis,
    EmittedModel? Emitted,
    ImmutableArray<TensorDelta> Deltas,
    ImmutableArray<Verdict> Verdicts,
    QualityTable? Quality,
    long OriginalBytes,
    long PlannedBytes,
    ImmutableArray<StageTime> Timings)
{
    /// <summary>True where the input was itself made by an earlier run.</summary>
    public bool HasEarlierRun =>
        Origin.Plan.BlockCount != Plan.BlockCount
            || !Origin.Plan.Groups.Select(g => g.Block).SequenceEqual(Plan.Groups.Select(g => g.Block))
            || Origin.Changes.Length != Lineage.Changes.Length;

    /// <summary>What became of the input's blocks.</summary>
    public MergePlan Plan => Lineage.Plan;

    /// <summary>What a step tells, by the type of its report; null where there is none.</summary>
    public T? Told<T>()
        where T : class => Sections.Select(s => s.Value).OfType<T>().LastOrDefault();

    /// <summary>The sections that count, in the order in which they first came.</summary>
    public IEnumerable<Section> Shown => Sections.GroupBy(s => s.Name, StringComparer.Ordinal).Select(g => g.Last());
}
