using System.Collections.Immutable;
using OnnxMka.Blocks;
using OnnxMka.Calibration;
using OnnxMka.Emission;
using OnnxMka.Evaluation;
using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Scoring;

namespace OnnxMka.Sweeping;

/// <summary>One plan that was tried.</summary>
/// <param name="Bytes">Model and data files that it would write.</param>
/// <param name="TokensPerSecond">The best of all plans of this size: they have the same nodes and shapes, so what differs between them is noise.</param>
/// <param name="OnSizeFront">No other is as small and as good, and better in one of them.</param>
/// <param name="OnSpeedFront">The same for tokens a second.</param>
public sealed record SweepPoint(double Ratio, MergePlan Plan, long Bytes, Perplexity Perplexity, double Increase, double TokensPerSecond, bool OnSizeFront, bool OnSpeedFront)
{
    public int Removed => Plan.BlockCount - Plan.Groups.Length;
}

/// <summary>What a sweep found.</summary>
/// <param name="Picked">The smallest model within the limit; null where none is, or none was asked for.</param>
public sealed record SweepResult(
    BlockMap Blocks, Analysis Analysis, ImmutableArray<SweepPoint> Points, Perplexity Original, long OriginalBytes, string Text, string TextSha256, int Windows, int WindowLength, SweepPoint? Picked, ImmutableArray<StageTime> Timings);

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
        using var texts = new Texts(options, location.ModelPath);
        var heldBack = texts.HeldBack ?? throw new RefusedException("MKA038", Path.GetFileName(location.ModelPath), "there is no text to measure the plans on", "Put tokenizer.json beside it, or give --calib-ids");
        var fingerprint = Fingerprint.Of(map.Model);
        var wanted = Wanted(map, options, sweep);
        foreach (var (_, planOptions) in wanted) MergePlanner.CheckRoom(map, planOptions);
        var analysis = options.Analysis ?? ModelScoring.Run(map, texts.Calibration, options, fingerprint, progress, ct, clock);
        if (analysis.Fingerprint != fingerprint || analysis.Npib.Count != map.Count)
            throw new RefusedException("MKA036", "the analysis", "it was made for another model", "Score this model again");
        var original = clock.Time("evaluate the original", () => Measure("original", map));
        var tried = clock.Time("try plans", () => wanted.Select(w => Try(w.Ratio, MergePlanner.Plan(map, analysis.Npib, w.Options, fingerprint))).ToArray());
        var points = Front(tried);
        var picked = sweep.MaxIncrease is { } most ? points.Where(p => p.Increase <= most).OrderBy(p => p.Bytes).ThenBy(p => p.Perplexity.MeanNll).FirstOrDefault() : null;
        var bytes = map.Model.Files.Sum(f => new FileInfo(f).Length);
        return new SweepResult(map, analysis, points, original, bytes, heldBack.Source, heldBack.Sha256, heldBack.Count, heldBack.Length, picked, clock.Times);

        SweepPoint Try(double ratio, MergePlan plan)
        {
            var rewritten = ModelRewriter.Apply(map, plan, options.KeepNames);
            var size = ModelWriter.Plan(rewritten.Model, Path.GetFileName(location.ModelPath), options.ForceExternalData).TotalBytes;
            var perplexity = Measure($"{plan.Method.ToString().ToLowerInvariant()} {ratio:0.###}", rewritten.Blocks);
            return new SweepPoint(ratio, plan, size, perplexity, Math.Exp(perplexity.MeanNll - original.MeanNll) - 1, perplexity.Tokens / perplexity.Seconds, false, false);
        }

        Perplexity Measure(string name, BlockMap blocks)
        {
            using var stage = progress.Begin(name, heldBack.Count, "windows");
            return Perplexity.Measure(blocks, heldBack, options.BatchSize, options.Target, stage.AsIncrement<int>(), ct);
        }
    }

    private static (double Ratio, PlanOptions Options)[] Wanted(BlockMap map, CompressionOptions options, SweepOptions sweep) =>
    [
        .. from method in sweep.Methods.Distinct()
           from ratio in sweep.Ratios.DistinctBy(r => PlanOptions.ForRatio(r, map.Count))
           select (ratio, options.Plan with { Method = method, Count = PlanOptions.ForRatio(ratio, map.Count) }),
    ];

    /// <summary>Marks the points that no other point beats in both ways.</summary>
    internal static ImmutableArray<SweepPoint> Front(IReadOnlyList<SweepPoint> points)
    {
        var timed = points.Select(p => p with { TokensPerSecond = points.Where(q => q.Bytes == p.Bytes).Max(q => q.TokensPerSecond) }).ToArray();
        return [.. timed.Select(p => p with { OnSizeFront = Best(p, q => q.Bytes), OnSpeedFront = Best(p, q => -q.TokensPerSecond) })];

        bool Best(SweepPoint point, Func<SweepPoint, double> cost) => !timed.Any(other =>
            cost(other) <= cost(point) && other.Perplexity.MeanNll <= point.Perplexity.MeanNll
            && (cost(other) < cost(point) || other.Perplexity.MeanNll < point.Perplexity.MeanNll));
    }
}
