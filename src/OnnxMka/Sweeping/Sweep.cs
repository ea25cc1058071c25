using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Jobs;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Scoring;
using OnnxMka.Structure;

namespace OnnxMka.Sweeping;

/// <summary>Many recipes on one bench: each is gone through in memory and measured on held-back text; nothing is written.</summary>
public sealed class Sweep
{
    private readonly CompressionOptions _options;
    private readonly SweepOptions _sweep;
    private readonly Workbench _bench;
    private readonly CalibrationSet _heldBack;
    private readonly Runner _run;
    private readonly Perplexity _original;
    private readonly Dictionary<(string Shares, string? Correction), TriedModel> _known = [];
    private readonly Dictionary<(string Kinds, int Nodes), SpeedTable?> _speeds = [];
    private readonly Dictionary<string, Decision> _decided = new(StringComparer.Ordinal);

    private Sweep(CompressionOptions options, SweepOptions sweep, Workbench bench, CalibrationSet heldBack, Runner run, Perplexity original)
    {
        _options = options;
        _sweep = sweep;
        _bench = bench;
        _heldBack = heldBack;
        _run = run;
        _original = original;
    }

    /// <summary>Refuses as scoring and planning do. Ratios that remove equally many blocks are tried once.</summary>
    /// <param name="options">Its recipe has the texts; the steps are those of the sweep.</param>
    /// <param name="sweep">What is tried.</param>
    /// <param name="sink">Told what is being done; null for nobody.</param>
    /// <param name="ct">Ends it early; nothing is left behind.</param>
    /// <exception cref="OnnxMkaException">It cannot be done: most often a <see cref="RefusedException"/> with a code.</exception>
    public static SweepResult Run(
        CompressionOptions options, SweepOptions sweep, IProgressSink? sink = null, CancellationToken ct = default)
    {
        var progress = sink ?? NoProgress.Instance;
        var clock = new StageClock();
        var location = ModelLocation.Find(options.Input);
        options = options with { Running = options.Running.Trying([location.ModelPath], ct), Evaluate = true, JournalFile = null };
        var map = BlockDetector.Detect(OnnxModel.Load(location.ModelPath));
        NextTokenScores.Refuse(map);
        var files = ModelFiles.Of(map.Model);
        using var texts = JobTexts.Of(options, map, ct);
        var heldBack = texts.HeldBack ?? throw new RefusedException(
            "MKA038",
            Path.GetFileName(location.ModelPath),
            "there is no text to measure the plans on",
            "Put tokenizer.json beside it, or give --calib-ids");
        using var bench = JobBench.Open(options, map, location.ModelPath, texts, null, clock, progress, ct);
        (SweepMethod Way, double Ratio)[] wanted =
        [
            .. from way in sweep.Methods.Distinct()
               from ratio in sweep.Ratios.DistinctBy(r => PlanOptions.ForRatio(r, map.Count))
               select (way, ratio),
        ];
        foreach (var (way, ratio) in wanted)
            MergePlanner.CheckRoom(map, way.Removal(ratio, sweep).PlanFor(bench.Input, bench.Input, way.Method));
        var analysis = bench.Analyse(bench.Input);
        var run = bench.Runner;
        if (run.Mode == RunMode.Chain) progress.Note($"one block at a time, and speed is not measured: {run.Why}");
        var original = clock.Time("evaluate the original", () => Measure(bench, "original", map, heldBack, run));
        Losses.OfOriginal(original.Loss);
        var work = new Sweep(options, sweep, bench, heldBack, run, original);
        var points = Front(clock.Time("try plans", () => wanted.Select(w => work.Try(w.Way, w.Ratio)).ToArray()));
        var picked = sweep.MaxIncrease is { } most
            ? points.Where(p => p.Increase is { } increase && increase <= most)
                .OrderBy(p => p.Bytes)
                .ThenBy(p => p.Perplexity.MeanNll)
                .FirstOrDefault()
            : null;
        var alone = work._speeds.Values.FirstOrDefault()?.Models[0];
        files.RequireUnchanged();
        return new SweepResult(
            map,
            analysis,
            points,
            original,
            alone,
            files.TotalBytes,
            heldBack.Source,
            heldBack.Sha256,
            heldBack.Count,
            heldBack.Length,
            picked,
            clock.Times);
    }

    private SweepPoint Try(SweepMethod way, double ratio)
    {
        var removal = way.Removal(ratio, _sweep);
        var count = PlanOptions.ForRatio(ratio, _bench.Input.Structure.Count);
        var name = $"{way.Method} {removal.Select} {count}";
        if (!_decided.TryGetValue(name, out var decision)) _decided[name] = decision = _bench.Decide(removal, _bench.Input);
        var removed = _bench.Apply(decision.Steps[0], _bench.Input).State;
        var plan = removed.Lineage.Plan;
        var (model, steps) = Once(plan, removed, decision.Steps[0], way, $"{way.Name} {ratio:0.###}");
        return new SweepPoint(
            way,
            ratio,
            plan,
            steps,
            model.Bytes,
            model.Perplexity,
            model.Perplexity.Loss.IncreaseOver(_original.Loss),
            model.Speedup,
            false,
            false);
    }

    /// <summary>Ways that come to the same blocks, shares and correction are one model.</summary>
    private (TriedModel Model, ImmutableArray<Step> Steps) Once(
        MergePlan plan, ModelState removed, Step removal, SweepMethod way, string name)
    {
        var shares = SharesOf(plan);
        if (_known.TryGetValue((shares, way.Correction), out var model)) return (model, [removal, .. model.Corrections]);
        var course = _bench.Run(way.Corrected() is { } correction ? [correction] : [], removed);
        var made = course.State.Lineage.Changes.IsEmpty ? null : way.Correction;
        if (!_known.TryGetValue((shares, made), out model)) _known[(shares, made)] = model = Measured(course, name);
        _bench.Release(course);
        _known[(shares, way.Correction)] = model;
        return (model, [removal, .. model.Corrections]);
    }

    private TriedModel Measured(Course course, string name)
    {
        var bytes = _bench.PlannedBytes(course.State);
        var isInput = course.State.Lineage.Changes.IsEmpty
            && course.State.Reduced.Merged.IsEmpty
            && !course.State.Lineage.Plan.Removed.Any();
        return isInput
            ? new TriedModel(bytes, _original, 1, course.Steps)
            : new TriedModel(bytes, Measure(_bench, name, course.State.Structure, _heldBack, _run), Speedup(course.State), course.Steps);
    }

    private double Speedup(ModelState state)
    {
        if (_run.Mode == RunMode.Chain) return 1;
        var shape = ShapeOf(_bench.Input.Structure, state);
        if (!_speeds.TryGetValue(shape, out var table))
        {
            using var stage = _bench.Progress.Begin("speed", Speed.Work(2), "runs");
            table = _speeds[shape] = Speed.Measure(
                [_bench.Input.Structure, state.Structure],
                _heldBack.Samples,
                null,
                _options.Running.Target,
                stage.AsIncrement<int>(),
                _bench.Stop);
        }

        return table is null ? 1 : table.Models[1].Bound.Median / table.Models[0].Bound.Median;
    }

    private static Perplexity Measure(Workbench bench, string name, BlockMap blocks, CalibrationSet text, Runner run)
    {
        using var stage = bench.Progress.Begin(name, text.Count, "windows");
        return Perplexity.Measure(run, blocks, text, stage.AsIncrement<int>(), bench.Stop);
    }

    /// <summary>Which blocks are left, and what each is made of.</summary>
    private static string SharesOf(MergePlan plan) => string.Join(
        ' ', plan.Groups.Select(g => $"{g.Block}:{string.Join('+', g.Weights.Select(w => Share(w.Key, w.Value)))}"));

    private static string Share(int block, double weight) => FormattableString.Invariant($"{weight:r} of {block}");

    /// <summary>Equal for models of the same nodes and shapes, whatever their weights.</summary>
    private static (string Kinds, int Nodes) ShapeOf(BlockMap map, ModelState state) => (
        string.Join(' ', state.Lineage.Plan.Groups.Select(g => map.Blocks[g.Block].Kind)), state.Model.Graph.Nodes.Count);

    /// <summary>
    /// Marks the points with a finite loss that no other point beats in both ways. Sizes count as equal within 0.1 %: names of layers
    /// differ in length.
    /// </summary>
    internal static ImmutableArray<SweepPoint> Front(IReadOnlyList<SweepPoint> points)
    {
        return
        [
            .. points.Select(
                p => p with { OnSizeFront = Best(p, q => q.Bytes, 0.001 * p.Bytes), OnSpeedFront = Best(p, q => -q.Speedup, 0) }),
        ];

        bool Best(SweepPoint point, Func<SweepPoint, double> cost, double slack) => point.Perplexity.Loss.IsFinite && !points.Any(other =>
            cost(other) <= cost(point) + slack && other.Perplexity.Loss <= point.Perplexity.Loss
            && (cost(other) < cost(point) - slack || other.Perplexity.Loss < point.Perplexity.Loss));
    }

    /// <summary>What a point takes from its model.</summary>
    private sealed record TriedModel(long Bytes, Perplexity Perplexity, double Speedup, ImmutableArray<Step> Corrections);
}
