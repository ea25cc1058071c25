using OnnxMka.Bench;
using OnnxMka.Selection;
using OnnxMka.Steps.Caching;
using OnnxMka.Steps.Comparing;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Cutting;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Folding;
using OnnxMka.Steps.Merging;
using OnnxMka.Steps.Reaching;
using OnnxMka.Steps.Refitting;
using OnnxMka.Steps.SeamMapping;
using OnnxMka.Steps.Searching;

namespace OnnxMka.Recipes;

/// <summary>The kinds of steps that come along.</summary>
public static class Kinds
{
    /// <summary>With the selectors that come along.</summary>
    public static StepKinds BuiltIn { get; } = With(Selectors.BuiltIn);

    /// <summary>The same with other selectors.</summary>
    public static StepKinds With(Selectors selectors) => StepKinds.Empty
        .With(new DropKind(selectors))
        .With(new MergeKind(selectors))
        .With(new CutKind())
        .With(new KvKind())
        .With(new CorrectionKind<Refit>("refit"))
        .With(new CorrectionKind<Fold>("fold"))
        .With(new CorrectionKind<MapSeams>("seam-map"))
        .With(new CorrectKind())
        .With(new BestKind(selectors))
        .With(new ReachKind());
}
