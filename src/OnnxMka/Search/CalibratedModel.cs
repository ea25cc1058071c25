using System.Runtime.CompilerServices;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Matching;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Tokens;
using OnnxMka.Selection;
using OnnxMka.Structure;

namespace OnnxMka.Search;

/// <summary>A model and what it makes of its calibration text: computed once, when first asked for, and shared by selection and compensation.</summary>
internal sealed class CalibratedModel : IDisposable
{
    /// <summary>
    /// Windows that greedy selection measures losses on. A loss over 64 windows of 128 tokens has a standard error near 0.03 nats, but
    /// candidates share the windows, and their differences vary ten times less.
    /// </summary>
    private const int GreedyWindows = 64;

    /// <summary>A comparison of sets of blocks fits on one window in so many: what it lacks in accuracy, all sets lack.</summary>
    private const int FewShare = 2;

    /// <summary>More than the nodes, constants and ports of a block take in a file.</summary>
    private const int NodeBytes = 1 << 20;

    private readonly CompressionOptions _options;
    private readonly Texts _texts;
    private readonly IProgressSink _progress;
    private readonly CancellationToken _ct;
    private readonly Lazy<CalibrationSplit> _split;
    private readonly Lazy<SplitSeams> _seams;
    private readonly Lazy<SplitSeams> _few;
    private readonly Lazy<(CalibrationSet Fit, CalibrationSet Judges)> _ample;
    private readonly ConditionalWeakTable<OnnxModel, Loss> _heldOutLosses = [];
    private readonly Dictionary<OnnxModel, ScratchFile> _scratch = new(ReferenceEqualityComparer.Instance);
    private GreedySearch? _greedy;
    private bool _toldMemory;

    public CalibratedModel(BlockMap map, CompressionOptions options, Texts texts, IProgressSink progress, CancellationToken ct)
    {
        Map = map;
        _options = options;
        _texts = texts;
        _progress = progress;
        _ct = ct;
        _split = new Lazy<CalibrationSplit>(() => CalibrationSplit.Of(_texts.Calibration));
        _seams = new Lazy<SplitSeams>(() => Seams(_split.Value));
        _few = new Lazy<SplitSeams>(() => Seams(new CalibrationSplit(Every(_split.Value.Fit, FewShare), Every(_split.Value.HeldOut!, FewShare))));
        _ample = new Lazy<(CalibrationSet Fit, CalibrationSet Judges)>(SplitAmply);
    }

    public BlockMap Map { get; }

    private ChainOptions ChainOptions => RunPlan.For(Map, _texts.Calibration, _options.Running).Chain;

    private BlockChain Chain => BlockChain.Of(Map, _options.Running.Target, ChainOptions);

    /// <summary>Blocks of that number by any kind but those of the planner.</summary>
    /// <param name="similarity">Shares of merges that greedy selection weighs; null where they are fixed or none is weighed.</param>
    /// <param name="until">Ends a greedy selection early.</param>
    public SelectionReport Select(SelectionKind kind, PlanOptions options, string fingerprint, SimilarityTable? similarity = null, CancellationToken? until = null)
    {
        if (kind == SelectionKind.GreedyLoss) return SelectGreedily(options, fingerprint, similarity, until ?? _ct);
        var seams = _seams.Value.Fit;
        using var stage = _progress.Begin("select", BlockSelector.Work(kind, Map, options), "steps");
        return BlockSelector.Choose(kind, Chain, seams, options, stage.AsIncrement<int>(), _ct);
    }

    public (RewrittenModel Model, CompensationReport Report) Compensate(RewrittenModel rewritten, MergePlan plan, CompensationOptions options)
    {
        if (options.Kind != CompensationKind.Auto)
        {
            var (model, steps) = Corrected(rewritten, plan, options);
            return (model, new CompensationReport(options.Kind, steps, []));
        }

        CompensationKind[] kinds = [CompensationKind.Refit, CompensationKind.Fold, CompensationKind.Linear, CompensationKind.Hadamard, CompensationKind.Scale, CompensationKind.None];
        var tried = kinds.Select(kind =>
        {
            var (model, steps) = Corrected(rewritten, plan, options with { Kind = kind });
            return (Kind: kind, Model: model, Steps: steps, Loss: HeldOutLoss(model));
        }).ToArray();
        var best = Losses.Least(tried, t => t.Loss, _ => plan.Removed.Select(plan.NameOf));
        foreach (var other in tried.Where(t => t.Kind != best.Kind)) Release(other.Model);
        return (best.Model, new CompensationReport(best.Kind, best.Steps, [.. tried.Select(t => new CompensationTrial(t.Kind, t.Loss.Perplexity))]));
    }

    /// <summary>Judged loss after a refit to few windows: for comparisons with others of its kind.</summary>
    public Loss QuickLoss(RewrittenModel rewritten, MergePlan plan, CompensationOptions options)
    {
        var corrected = Corrected(rewritten, plan, options, _few.Value).Model;
        var loss = JudgedLoss(corrected);
        Release(corrected);
        return loss;
    }

    /// <summary>Gives back the corrected weights of a model that nobody runs or writes any more.</summary>
    public void Release(RewrittenModel model)
    {
        if (_scratch.Remove(model.Model, out var scratch)) scratch.Dispose();
    }

    /// <summary>Windows that a quick refit, a correction and an ample one are fitted to.</summary>
    public (int Few, int Usual, int Ample) FitWindows => (Every(_split.Value.Fit, FewShare).Count, _split.Value.Fit.Count, _ample.Value.Fit.Count);

    /// <summary>
    /// Nats a token on windows that not even an ample correction is fitted to. Sets of blocks that are worth comparing lie 0.01 nats apart; a
    /// difference of two of them over 32 windows of 128 tokens has a standard error near that, over three times as many near half of it.
    /// </summary>
    public Loss JudgedLoss(RewrittenModel model) => LossOf(model.Blocks, _ample.Value.Judges);

    /// <summary>A correction fitted to four times as many windows of the calibration text, or all it has but those that judge.</summary>
    public (RewrittenModel Model, CompensationReport Report) CompensateAmply(RewrittenModel rewritten, MergePlan plan, CompensationOptions options)
    {
        using var seams = Seams(_split.Value with { Fit = _ample.Value.Fit });
        var (model, steps) = Corrected(rewritten, plan, options, seams);
        return (model, new CompensationReport(options.Kind, steps, []));
    }

    /// <summary>The plan with units aligned and shares fitted, as the options ask.</summary>
    public (MergePlan Plan, MergeReport Report) Refine(MergePlan plan, PlanOptions options) =>
        MergeRefinement.Run(Map, plan, options, _split.Value, ChainOptions, _options.Running.Target, _progress, _ct);

    /// <summary>Nats a token on the calibration windows that nothing was fitted to.</summary>
    public Loss HeldOutLoss(RewrittenModel model) => HeldOutLoss(model.Blocks);

    /// <summary>The same of the model as it came. Refuses one that is not finite.</summary>
    public Loss OriginalHeldOutLoss => Losses.OfOriginal(HeldOutLoss(Map));

    /// <summary>Blocks that must go at least for the weights to shrink by so many bytes, whichever they are.</summary>
    public int LeastRemovals(long bytes)
    {
        var count = 0;
        foreach (var block in Map.Blocks.Select(Map.ParameterBytes).OrderDescending())
        {
            if (bytes <= 0) return count;
            bytes -= block + NodeBytes;
            count++;
        }

        return count;
    }

    /// <summary>Corrected models that were not released are gone with this, too.</summary>
    public void Dispose()
    {
        EndGreedy();
        foreach (var scratch in _scratch.Values) scratch.Dispose();
        _scratch.Clear();
        if (_seams.IsValueCreated) _seams.Value.Dispose();
        if (_few.IsValueCreated) _few.Value.Dispose();
    }

    /// <summary>A model is asked for by the correction that it won and by the target that it is to meet: it is run once.</summary>
    private Loss HeldOutLoss(BlockMap blocks) => _heldOutLosses.GetValue(blocks.Model, _ => LossOf(blocks, _split.Value.HeldOut!));

    private Loss LossOf(BlockMap blocks, CalibrationSet text)
    {
        NextTokenScores.Refuse(Map);
        return ModelPerplexity.Measure(blocks, text, RunPlan.For(Map, text, _options.Running), _options.Running, null, _ct).Loss;
    }

    private (RewrittenModel Model, System.Collections.Immutable.ImmutableArray<CompensationStep> Steps) Corrected(RewrittenModel rewritten, MergePlan plan, CompensationOptions options, SplitSeams? from = null)
    {
        if (options.Kind == CompensationKind.None || !plan.Removed.Any()) return (rewritten, []);
        var seams = from ?? _seams.Value;
        if (options.Kind == CompensationKind.Refit && !_toldMemory)
        {
            _toldMemory = true;
            _progress.Note($"a refit takes up to {Compensator.RefitBytes(Map) / 1e6:N1} MB beside the block that runs");
        }

        using var stage = _progress.Begin($"compensate ({options.Kind.ToString().ToLowerInvariant()})", Compensator.Work(plan), "blocks");
        var scratch = new ScratchFile();
        try
        {
            var corrected = Compensator.Run(rewritten, plan, seams, options, ChainOptions, _options.Running.Target, scratch, stage.AsIncrement<int>(), _ct);
            // Where no weight was changed the model may be the one that came in.
            if (scratch.Length > 0) _scratch.Add(corrected.Model.Model, scratch);
            else scratch.Dispose();
            return corrected;
        }
        catch (Exception e)
        {
            scratch.Dispose();
            if (e is IOException) throw new OutputException($"Cannot keep corrected weights in {Path.GetTempPath()}: {e.Message.TrimEnd('.')}.", e);
            throw;
        }
    }

    private SelectionReport SelectGreedily(PlanOptions options, string fingerprint, SimilarityTable? similarity, CancellationToken ct)
    {
        BlockSelector.CheckRoom(Map, options, _options.WeighMerges);
        if (options.Count == 0) return new SelectionReport(SelectionKind.GreedyLoss, []);
        var search = _greedy ??= GreedySearch.Start(
            Chain, GreedyWindowsOf(_split.Value.Fit), options, _options.WeighMerges, _options.ResumeFile, _options.Running.Target.Name, fingerprint, similarity, _progress, ct);
        try
        {
            using var stage = _progress.Begin("greedy selection", BlockSelector.Work(SelectionKind.GreedyLoss, Map, options, _options.WeighMerges), "losses");
            return search.Greedy.Choose(options.Count, stage.AsIncrement<int>(), ct);
        }
        finally
        {
            // A search for a size or a loss asks again, for more blocks; any other is done, and its seams make room.
            if (_options.Goal is null) EndGreedy();
        }
    }

    private static CalibrationSet GreedyWindowsOf(CalibrationSet fit)
    {
        var step = Math.Max(1, fit.Count / GreedyWindows);
        return fit with { Samples = [.. fit.Samples.Where((_, i) => i % step == 0).Take(GreedyWindows)] };
    }

    private void EndGreedy()
    {
        _greedy?.Dispose();
        _greedy = null;
    }

    private (CalibrationSet Fit, CalibrationSet Judges) SplitAmply()
    {
        var (fit, heldOut) = (_split.Value.Fit, _split.Value.HeldOut!);
        var known = fit.Samples.Concat(heldOut.Samples).Select(Key).ToHashSet(StringComparer.Ordinal);
        var others = CalibrationSplit.Of(_texts.Ample with { Samples = [.. _texts.Ample.Samples.Where(s => !known.Contains(Key(s)))] });
        return (fit with { Samples = [.. fit.Samples, .. others.Fit.Samples] }, heldOut with { Samples = [.. heldOut.Samples, .. others.HeldOut!.Samples] });
        static string Key(int[] ids) => string.Join(' ', ids);
    }

    private SplitSeams Seams(CalibrationSplit split)
    {
        using var stage = _progress.Begin("original seams", (Map.Count + 1L) * (split.Fit.Count + split.HeldOut!.Count), "samples");
        return SplitSeams.Of(Chain, split, stage.AsIncrement<int>(), _ct);
    }

    private static CalibrationSet Every(CalibrationSet set, int share) => set with { Samples = [.. set.Samples.Where((_, i) => i % share == 0)] };
}
