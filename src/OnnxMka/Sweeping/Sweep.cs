using System.Collections.Immutable;
using OnnxMka.Blocks;
using OnnxMka.Calibration;
using OnnxMka.Compensation;
using OnnxMka.Emission;
using OnnxMka.Evaluation;
using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Scoring;
using OnnxMka.Search;
using OnnxMka.Selection;

namespace OnnxMka.Sweeping;

/// <summary>One plan that was tried.</summary>
/// <param name="Bytes">Model and data files that it would write.</param>
/// <param name="Speedup">
/// Over the original, in paired runs: of decoding where the model has a cache, else of prefill. Measured once for all plans of a size, which have
/// the same nodes and shapes.
/// </param>
/// <param name="OnSizeFront">No other is as small and as good, and better in one of them.</param>
/// <param name="OnSpeedFront">The same for speed.</param>
public sealed record SweepPoint(SweepMethod Way, double Ratio, MergePlan Plan, long Bytes, Perplexity Perplexity, double Increase, double Speedup, bool OnSizeFront, bool OnSpeedFront)
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
        var map = BlockDetector.Detect(OnnxModel.Load(location.ModelPath));
        var files = ModelFiles.Of(map.Model);
        using var texts = new Texts(options, location.ModelPath, ct);
        var heldBack = texts.HeldBack ?? throw new RefusedException("MKA038", Path.GetFileName(location.ModelPath), "there is no text to measure the plans on", "Put tokenizer.json beside it, or give --calib-ids");
        var fingerprint = Fingerprint.Of(map.Model);
        var wanted = Wanted(map, options, sweep);
        foreach (var (_, _, planOptions) in wanted) MergePlanner.CheckRoom(map, planOptions);
        var analysis = options.Analysis ?? ModelScoring.Run(map, texts.Calibration, options, fingerprint, progress, ct, clock);
        if (analysis.Fingerprint != fingerprint || analysis.Npib.Count != map.Count)
            throw new RefusedException("MKA036", "the analysis", "it was made for another model", "Score this model again");
        var original = clock.Time("evaluate the original", () => Measure("original", map));
        using var calibrated = new CalibratedModel(map, options, texts, progress, ct);
        var speeds = new Dictionary<int, SpeedTable?>();
        // Which blocks go depends on neither what becomes of them nor the correction.
        var selected = new Dictionary<(SelectionKind, int), ImmutableArray<int>>();
        var tried = clock.Time("try plans", () => wanted.Select(Try).ToArray());
        var points = Front(tried);
        var picked = sweep.MaxIncrease is { } most ? points.Where(p => p.Increase <= most).OrderBy(p => p.Bytes).ThenBy(p => p.Perplexity.MeanNll).FirstOrDefault() : null;
        var alone = speeds.Values.FirstOrDefault()?.Models[0];
        files.RequireUnchanged();
        return new SweepResult(map, analysis, points, original, alone, files.TotalBytes, heldBack.Source, heldBack.Sha256, heldBack.Count, heldBack.Length, picked, clock.Times);

        SweepPoint Try((SweepMethod Way, double Ratio, PlanOptions Options) wanted)
        {
            var (way, ratio, planOptions) = wanted;
            if (way.Select is { } kind && !BlockSelector.IsPlanned(kind) && planOptions.Count > 0) planOptions = planOptions with { Named = Selected(kind, planOptions) };
            var plan = MergePlanner.Plan(map, analysis.Npib, planOptions, fingerprint);
            var rewritten = ModelRewriter.Apply(map, plan, options.KeepNames);
            if (way.Compensate != CompensationKind.None) rewritten = calibrated.Compensate(rewritten, plan, options.Compensate with { Kind = way.Compensate }).Model;
            var size = ModelWriter.Plan(rewritten.Model, Path.GetFileName(location.ModelPath), options.ForceExternalData).TotalBytes;
            var perplexity = Measure($"{way.Name} {ratio:0.###}", rewritten.Blocks);
            return new SweepPoint(way, ratio, plan, size, perplexity, Math.Exp(perplexity.MeanNll - original.MeanNll) - 1, Speedup(rewritten.Blocks), false, false);
        }

        ImmutableArray<int> Selected(SelectionKind kind, PlanOptions planOptions)
        {
            if (!selected.TryGetValue((kind, planOptions.Count), out var blocks)) selected[(kind, planOptions.Count)] = blocks = calibrated.Select(kind, planOptions, fingerprint).Blocks;
            return blocks;
        }

        double Speedup(BlockMap blocks)
        {
            if (!speeds.TryGetValue(blocks.Count, out var table)) table = speeds[blocks.Count] = Speed.Measure([map, blocks], heldBack.Samples, null, options.Target, null, ct);
            return table is null ? 1 : table.Models[1].Bound.Median / table.Models[0].Bound.Median;
        }

        Perplexity Measure(string name, BlockMap blocks)
        {
            using var stage = progress.Begin(name, heldBack.Count, "windows");
            return Perplexity.Measure(blocks, heldBack, options.BatchSize, options.Target, stage.AsIncrement<int>(), ct);
        }
    }

    private static (SweepMethod Way, double Ratio, PlanOptions Options)[] Wanted(BlockMap map, CompressionOptions options, SweepOptions sweep) =>
    [
        .. from way in sweep.Methods.Distinct()
           from ratio in sweep.Ratios.DistinctBy(r => PlanOptions.ForRatio(r, map.Count))
           select (way, ratio, options.Plan with { Method = way.Method, Count = PlanOptions.ForRatio(ratio, map.Count), Order = way.Select switch { SelectionKind.Tail => Order.Tail, SelectionKind.Npib => Order.Similarity, _ => options.Plan.Order } }),
    ];

    /// <summary>Marks the points that no other point beats in both ways. Sizes count as equal within 0.1 %: names of layers differ in length.</summary>
    internal static ImmutableArray<SweepPoint> Front(IReadOnlyList<SweepPoint> points)
    {
        return [.. points.Select(p => p with { OnSizeFront = Best(p, q => q.Bytes, 0.001 * p.Bytes), OnSpeedFront = Best(p, q => -q.Speedup, 0) })];

        bool Best(SweepPoint point, Func<SweepPoint, double> cost, double slack) => !points.Any(other =>
            cost(other) <= cost(point) + slack && other.Perplexity.MeanNll <= point.Perplexity.MeanNll
            && (cost(other) < cost(point) - slack || other.Perplexity.MeanNll < point.Perplexity.MeanNll));
    }
}
