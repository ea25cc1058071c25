using OnnxMka.Blocks;
using OnnxMka.Calibration;
using OnnxMka.Chain;
using OnnxMka.Compensation;
using OnnxMka.Evaluation;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Selection;

namespace OnnxMka.Search;

/// <summary>A model and what it makes of its calibration text: computed once, when first asked for, and shared by selection and compensation.</summary>
internal sealed class CalibratedModel : IDisposable
{
    /// <summary>
    /// Windows that greedy selection measures losses on. A loss over 64 windows of 128 tokens has a standard error near 0.03 nats, but
    /// candidates share the windows, and their differences vary ten times less.
    /// </summary>
    private const int GreedyWindows = 64;

    private readonly CompressionOptions _options;
    private readonly Texts _texts;
    private readonly IProgressSink _progress;
    private readonly CancellationToken _ct;
    private readonly Lazy<CalibrationSplit> _split;
    private readonly Lazy<SplitSeams> _seams;

    public CalibratedModel(BlockMap map, CompressionOptions options, Texts texts, IProgressSink progress, CancellationToken ct)
    {
        Map = map;
        _options = options;
        _texts = texts;
        _progress = progress;
        _ct = ct;
        _split = new Lazy<CalibrationSplit>(() => CalibrationSplit.Of(_texts.Calibration));
        _seams = new Lazy<SplitSeams>(RunOnce);
    }

    public BlockMap Map { get; }

    private ChainOptions ChainOptions => Runtime.RunPlan.For(Map, _texts.Calibration, _options).Chain;

    private BlockChain Chain => BlockChain.Of(Map, _options.Target, ChainOptions);

    /// <summary>Blocks of that number by any kind but those of the planner.</summary>
    public SelectionReport Select(SelectionKind kind, PlanOptions options)
    {
        if (kind == SelectionKind.GreedyLoss) return SelectGreedily(options);
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
        var best = tried.MinBy(t => t.Loss);
        return (best.Model, new CompensationReport(best.Kind, best.Steps, [.. tried.Select(t => new CompensationTrial(t.Kind, Math.Exp(t.Loss)))]));
    }

    /// <summary>Nats a token on the calibration windows that nothing was fitted to.</summary>
    public double HeldOutLoss(RewrittenModel model) => Perplexity.Measure(model.Blocks, _split.Value.HeldOut!, _options.BatchSize, _options.Target, null, _ct).MeanNll;

    public void Dispose()
    {
        if (_seams.IsValueCreated) _seams.Value.Dispose();
    }

    private (RewrittenModel Model, System.Collections.Immutable.ImmutableArray<CompensationStep> Steps) Corrected(RewrittenModel rewritten, MergePlan plan, CompensationOptions options)
    {
        if (options.Kind == CompensationKind.None || !plan.Removed.Any()) return (rewritten, []);
        var seams = _seams.Value;
        using var stage = _progress.Begin($"compensate ({options.Kind.ToString().ToLowerInvariant()})", Compensator.Work(plan), "blocks");
        return Compensator.Run(rewritten, plan, seams, options, ChainOptions, _options.Target, stage.AsIncrement<int>(), _ct);
    }

    private SelectionReport SelectGreedily(PlanOptions options)
    {
        var fit = _split.Value.Fit;
        var step = Math.Max(1, fit.Count / GreedyWindows);
        var windows = fit with { Samples = [.. fit.Samples.Where((_, i) => i % step == 0).Take(GreedyWindows)] };
        using var seams = OriginalSeams.Of(Chain, windows, null, _ct);
        using var stage = _progress.Begin("greedy selection", BlockSelector.Work(SelectionKind.GreedyLoss, Map, options), "losses");
        return BlockSelector.Choose(SelectionKind.GreedyLoss, Chain, seams, options, stage.AsIncrement<int>(), _ct);
    }

    private SplitSeams RunOnce()
    {
        var samples = _split.Value.Fit.Count + _split.Value.HeldOut!.Count;
        using var stage = _progress.Begin("original seams", (Map.Count + 1L) * samples, "samples");
        return SplitSeams.Of(Chain, _split.Value, stage.AsIncrement<int>(), _ct);
    }
}
