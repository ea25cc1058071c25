using OnnxMka.Compensation;
using OnnxMka.Jobs;
using OnnxMka.Matching;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Scoring;
using OnnxMka.Selection;

namespace OnnxMka.Search;

/// <summary>A smaller model and how it came about.</summary>
internal sealed record Reduction(
    MergePlan Plan, RewrittenModel Model, Analysis? Analysis, SelectionReport? Selection, CompensationReport? Compensation, SearchReport? Search)
{
    /// <summary>Null where averages were taken as planned.</summary>
    public MergeReport? Merging { get; init; }

    /// <summary>What corrects the model; none where no step of a correction was kept.</summary>
    public CompensationKind Correction => Compensation is { } report && report.Steps.Any(s => s.Kept) ? report.Kind : CompensationKind.None;

    /// <summary>The original's blocks as they were, some of them gone: nothing was mixed and nothing corrected.</summary>
    public bool IsPlainDrop => Model.Merged.IsEmpty && Plan.Permutations.IsDefaultOrEmpty && Correction == CompensationKind.None;

    /// <summary>The original itself.</summary>
    public bool ChangesNothing => IsPlainDrop && !Plan.Removed.Any();
}
