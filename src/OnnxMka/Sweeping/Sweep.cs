using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Jobs;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Scoring;
using OnnxMka.Search;
using OnnxMka.Selection;
using OnnxMka.Structure;

namespace OnnxMka.Sweeping;

/// <summary>One plan that was tried.</summary>
/// <param name="Bytes">Model and data files that it would write.</param>
/// <param name="Increase">Of the perplexity, as a share; null where that is no finite number.</param>
/// <param name="Speedup">
/// Over the original, in paired runs: of decoding where the model has a cache, else of prefill. Measured once for all plans of a size
/// whose models have the same nodes and shapes.
/// </param>
/// <param name="OnSizeFront">No other is as small and as good, and better in one of them.</param>
/// <param name="OnSpeedFront">The same for speed.</param>
public sealed record SweepPoint(SweepMethod Way, double Ratio, MergePlan Plan, long Bytes, Perplexity Perplexity, double? Increase, double Speedup, bool OnSizeFront, bool OnSpeedFront)
{
    public int Removed => Plan.BlockCount - Plan.Groups.Length;
}

/// <summary>What a sweep found.</summary>
/// <param name="OriginalSpeed">Of the original alone; null where nothing could be timed.</param>
/// <param name="Picked">The smallest model within the limit; null where none is, or none was asked for.</param>
public sealed record SweepResult(
    BlockMap Blocks, Analysis Analysis, ImmutableArray<SweepPoint> Points, Perplexity Original, ModelSpeed? OriginalSpeed, long OriginalBytes, string Text, string TextSha256, int Windows, int WindowLength, SweepPoint? Picked, ImmutableArray<StageTime> Timings);

/// <summary>One calibration, many plans: each is rewritten in memory and measured on held-back text; nothing is written.</summary>
public static class Sweep
{
    /// <summary>Refuses as scoring and planning do. Ratios that remove equally many blocks are tried once.</summary>
    public static SweepResult Run(CompressionOptions options, SweepOptions sweep, IProgressSink? sink = null, CancellationToken ct = default)
    {
        var progress = sink ?? NoProgress.Instance;
        var clock = new StageClock();
        var location = ModelLocation.Find(options.Input);
        options = options with { Running = options.Running.Trying([location.ModelPath], ct) };
        var map = BlockDetector.Detect(OnnxModel.Load(location.ModelPath));
        NextTokenScores.Refuse(map);
        var files = ModelFiles.Of(map.Model);
        using var texts = new Texts(options.Calibration with { Length = GraphLengths.Of(map).Fit(options.Calibration.Length) }, location.ModelPath, ct);
        var heldBack = texts.HeldBack ?? throw new RefusedException("MKA038", Path.GetFileName(location.ModelPath), "there is no text to measure the plans on", "Put tokenizer.json beside it, or give --calib-ids");
        var fingerprint = Fingerprint.Of(map.Model);
        var wanted = Wanted(map, options, sweep);
        foreach (var (_, _, planOptions) in wanted) MergePlanner.CheckRoom(map, planOptions);
        using var calibrated = new CalibratedModel(map, options, texts, progress, ct);
        var analysis = options.Scoring.Analysis ?? ModelScoring.Run(
            calibrated.Runner, map, texts.Calibration, options.Scoring, fingerprint, progress, ct, clock);
        analysis.RequireFor(map, fingerprint);
        var run = calibrated.RunnerFor(heldBack);
        if (run.Mode == RunMode.Chain) progress.Note($"one block at a time, and speed is not measured: {run.Why}");
        var original = clock.Time("evaluate the original", () => Measure("original", map));
        Losses.OfOriginal(original.Loss);
        var known = new Dictionary<(string Shares, CompensationKind Correction), TriedModel>();
        var speeds = new Dictionary<(string Kinds, CompensationKind Added), SpeedTable?>();
        // Which blocks go depends on neither what becomes of them nor the correction.
        var selected = new Dictionary<(SelectionKind, int), ImmutableArray<int>>();
        var tried = clock.Time("try plans", () => wanted.Select(Try).ToArray());
        var points = Front(tried);
        var picked = sweep.MaxIncrease is { } most ? points.Where(p => p.Increase is { } increase && increase <= most).OrderBy(p => p.Bytes).ThenBy(p => p.Perplexity.MeanNll).FirstOrDefault() : null;
        var alone = speeds.Values.FirstOrDefault()?.Models[0];
        files.RequireUnchanged();
        return new SweepResult(map, analysis, points, original, alone, files.TotalBytes, heldBack.Source, heldBack.Sha256, heldBack.Count, heldBack.Length, picked, clock.Times);

        SweepPoint Try((SweepMethod Way, double Ratio, PlanOptions Options) wanted)
        {
            var (way, ratio, planOptions) = wanted;
            if (way.Select is { } kind && !BlockSelector.IsPlanned(kind) && planOptions.Count > 0) planOptions = planOptions with { Named = Selected(kind, planOptions) };
            var plan = MergePlanner.Plan(map, analysis.Npib, planOptions, fingerprint);
            var model = Once(plan, way, $"{way.Name} {ratio:0.###}");
            return new SweepPoint(way, ratio, plan, model.Bytes, model.Perplexity, model.Perplexity.Loss.IncreaseOver(original.Loss), model.Speedup, false, false);
        }

        // Ways that come to the same blocks, shares and correction are one model.
        TriedModel Once(MergePlan plan, SweepMethod way, string name)
        {
            var shares = SharesOf(plan);
            if (known.TryGetValue((shares, way.Compensate), out var model)) return model;
            var (rewritten, report) = (ModelRewriter.Apply(map, plan, options.Output.KeepNames), (CompensationReport?)null);
            if (way.Compensate != CompensationKind.None) (rewritten, report) = calibrated.Compensate(rewritten, plan, options.Compensate with { Kind = way.Compensate });
            var reduction = new Reduction(plan, rewritten, analysis, null, report, null);
            if (!known.TryGetValue((shares, reduction.Correction), out model)) known[(shares, reduction.Correction)] = model = Run(reduction, name);
            calibrated.Release(reduction.Model);
            return known[(shares, way.Compensate)] = model;
        }

        TriedModel Run(Reduction reduction, string name)
        {
            var bytes = ModelWriter.Plan(reduction.Model.Model, Path.GetFileName(location.ModelPath), options.Output.ForceExternalData).TotalBytes;
            return reduction.ChangesNothing ? new TriedModel(bytes, original, 1) : new TriedModel(bytes, Measure(name, reduction.Model.Blocks), Speedup(reduction));
        }

        ImmutableArray<int> Selected(SelectionKind kind, PlanOptions planOptions)
        {
            if (!selected.TryGetValue((kind, planOptions.Count), out var blocks)) selected[(kind, planOptions.Count)] = blocks = calibrated.Select(kind, planOptions, fingerprint).Blocks;
            return blocks;
        }

        double Speedup(Reduction reduction)
        {
            if (run.Mode == RunMode.Chain) return 1;
            var shape = ShapeOf(map, reduction);
            if (!speeds.TryGetValue(shape, out var table))
            {
                using var stage = progress.Begin("speed", Speed.Work(2), "runs");
                table = speeds[shape] = Speed.Measure([map, reduction.Model.Blocks], heldBack.Samples, null, options.Running.Target, stage.AsIncrement<int>(), ct);
            }

            return table is null ? 1 : table.Models[1].Bound.Median / table.Models[0].Bound.Median;
        }

        Perplexity Measure(string name, BlockMap blocks)
        {
            using var stage = progress.Begin(name, heldBack.Count, "windows");
            return Perplexity.Measure(run, blocks, heldBack, stage.AsIncrement<int>(), ct);
        }
    }

    private static (SweepMethod Way, double Ratio, PlanOptions Options)[] Wanted(BlockMap map, CompressionOptions options, SweepOptions sweep) =>
    [
        .. from way in sweep.Methods.Distinct()
           from ratio in sweep.Ratios.DistinctBy(r => PlanOptions.ForRatio(r, map.Count))
           select (way, ratio, options.Plan with { Method = way.Method, Count = PlanOptions.ForRatio(ratio, map.Count), Order = way.Select switch { SelectionKind.Tail => Order.Tail, SelectionKind.Npib => Order.Similarity, _ => options.Plan.Order } }),
    ];

    /// <summary>Which blocks are left, and what each is made of.</summary>
    private static string SharesOf(MergePlan plan) => string.Join(
        ' ', plan.Groups.Select(g => $"{g.Block}:{string.Join('+', g.Weights.Select(w => FormattableString.Invariant($"{w.Value:r} of {w.Key}")))}"));

    /// <summary>Equal for models of the same nodes and shapes; corrections of weights change neither.</summary>
    private static (string Kinds, CompensationKind Added) ShapeOf(BlockMap map, Reduction reduction) => (
        string.Join(' ', reduction.Plan.Groups.Select(g => map.Blocks[g.Block].Kind)),
        reduction.Correction is CompensationKind.Linear or CompensationKind.Hadamard or CompensationKind.Scale ? reduction.Correction : CompensationKind.None);

    /// <summary>Marks the points with a finite loss that no other point beats in both ways. Sizes count as equal within 0.1 %: names of layers differ in length.</summary>
    internal static ImmutableArray<SweepPoint> Front(IReadOnlyList<SweepPoint> points)
    {
        return [.. points.Select(p => p with { OnSizeFront = Best(p, q => q.Bytes, 0.001 * p.Bytes), OnSpeedFront = Best(p, q => -q.Speedup, 0) })];

        bool Best(SweepPoint point, Func<SweepPoint, double> cost, double slack) => point.Perplexity.Loss.IsFinite && !points.Any(other =>
            cost(other) <= cost(point) + slack && other.Perplexity.Loss <= point.Perplexity.Loss
            && (cost(other) < cost(point) - slack || other.Perplexity.Loss < point.Perplexity.Loss));
    }

    /// <summary>What a point takes from its model.</summary>
    private sealed record TriedModel(long Bytes, Perplexity Perplexity, double Speedup);
}
