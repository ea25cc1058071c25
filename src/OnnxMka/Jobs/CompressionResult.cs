using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Emission;
using OnnxMka.Matching;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Scoring;
using OnnxMka.Selection;
using OnnxMka.Structure;
using OnnxMka.Verification;

namespace OnnxMka.Jobs;

/// <summary>Perplexities of the same text: as it was, as it is, and with the same blocks plainly dropped.</summary>
/// <param name="Result">Of the model as written.</param>
/// <param name="PlainDrop">The control; equal to <paramref name="Result"/> where nothing was merged.</param>
public sealed record QualityTable(Perplexity Original, Perplexity Result, Perplexity PlainDrop, string Text, string TextSha256, int Windows, int WindowLength)
{
    /// <summary>Greedy text of original and result; empty unless <see cref="CompressionOptions.Samples"/> asks for it.</summary>
    public ImmutableArray<GeneratedPair> Generations { get; init; } = [];

    /// <summary>Speed and memory of original and result, in turns; null where the whole model does not fit the memory.</summary>
    public SpeedTable? Speed { get; init; }
}

/// <summary>What one compression did.</summary>
/// <param name="Emitted">Null for a dry run.</param>
/// <param name="Quality">Null where it was not asked for or no text could be run.</param>
/// <param name="OriginalBytes">Model and data files of the input.</param>
/// <param name="PlannedBytes">Model and data files of the output.</param>
public sealed record CompressionResult(
    BlockMap Blocks,
    MergePlan Plan,
    Analysis? Analysis,
    EmittedModel? Emitted,
    ImmutableArray<TensorDelta> Deltas,
    ImmutableArray<Verdict> Verdicts,
    QualityTable? Quality,
    long OriginalBytes,
    long PlannedBytes,
    ImmutableArray<StageTime> Timings)
{
    /// <summary>How the blocks were chosen where the planner did not choose them itself.</summary>
    public SelectionReport? Selection { get; init; }

    /// <summary>What made up for the removed blocks; null where nothing was asked for.</summary>
    public CompensationReport? Compensation { get; init; }

    /// <summary>Units aligned and shares fitted before averaging; null where neither was asked for.</summary>
    public MergeReport? Merging { get; init; }

    /// <summary>What <see cref="Method.Best"/> compared.</summary>
    public SearchReport? Search { get; init; }
}
