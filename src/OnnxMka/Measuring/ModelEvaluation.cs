using System.Collections.Immutable;
using System.Diagnostics;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Outcomes;
using OnnxMka.Running.Sessions;
using OnnxMka.Structure;

namespace OnnxMka.Measuring;

/// <summary>One model as it was evaluated.</summary>
/// <param name="Path">As the user would write it.</param>
/// <param name="TokensPerSecond">Tokens read in this run over the time in the runtime; 0 where all results were there before.</param>
internal sealed record EvaluatedModel(string Path, string Fingerprint, int Blocks, long Bytes, double TokensPerSecond);

/// <summary>Figures of one evaluation.</summary>
/// <param name="Original">Null without <see cref="EvaluationOptions.Against"/>.</param>
/// <param name="Done">Items scored so far, in this shard; <paramref name="Total"/> is what all shards have.</param>
internal sealed record EvaluationResult(
    EvaluatedModel Model,
    EvaluatedModel? Original,
    ImmutableArray<TaskHeader> Tasks,
    ImmutableArray<MetricValue> Metrics,
    ImmutableArray<GeneratedPair> Generations,
    int Done,
    int Total,
    long PeakMemoryBytes,
    double Seconds)
{
    /// <summary>
    /// Speed of the original (where there is one) and of the model, in turns; null for a shard, or where nothing could be run.
    /// </summary>
    public SpeedTable? Speed { get; init; }
}

/// <summary>Measures a model: texts and questions to figures.</summary>
internal static class ModelEvaluation
{
    public static EvaluationResult Run(EvaluationOptions options, IProgressSink? sink = null, CancellationToken ct = default)
    {
        var progress = sink ?? NoProgress.Instance;
        var clock = Stopwatch.StartNew();
        var location = ModelLocation.Find(options.Model);
        var map = BlockDetector.Detect(OnnxModel.Load(location.ModelPath));
        var originalLocation = options.Against is { } against ? ModelLocation.Find(against) : null;
        var originalMap = originalLocation is null ? null : BlockDetector.Detect(OnnxModel.Load(originalLocation.ModelPath));
        foreach (var evaluated in new[] { map, originalMap }.OfType<BlockMap>()) NextTokenScores.Refuse(evaluated);
        if (GraphLengths.Of(map).Fit(EvaluationTasks.DefaultWindow) is var fit && fit != EvaluationTasks.DefaultWindow)
            options = options with { Window = options.Window ?? fit };
        string[] paths = [.. new[] { map, originalMap }.OfType<BlockMap>().Select(m => m.Model.Path)];
        options = options with { Target = options.Target.Trying(paths, null, ct) };
        using var tasks = EvaluationTasks.Of(options, location);
        var header = new ResultHeader(
            ResultHeader.CurrentVersion,
            Fingerprint.Of(map.Model),
            originalMap is null ? null : Fingerprint.Of(originalMap.Model),
            options.Seed,
            [.. tasks.All.Select(t => new TaskHeader(t.Name, t.Sha256, t.Settings, [.. Chosen(t)]))]);
        using var results = ResultFile.Open(options.ResultsPath, header);
        using var model = new ModelUnderTest(map, options.Target);
        using var original = originalMap is null ? null : new ModelUnderTest(originalMap, options.Target);
        foreach (var (task, entry) in tasks.All.Zip(header.Tasks)) Score(task, entry, results, model, original, options, progress, ct);
        var pairs = original is null || options.Shard.Count > 1 ? [] : Generate(original, model, tasks, options, progress, ct);
        if (!model.Steps && model.HasCache)
        {
            progress.Note(
                "decoding step by step is not understood for this model: its texts were run whole, and decode speed was not measured");
        }

        var speed = options.Speed && options.Shard.Count == 1
            ? Time(originalMap is null ? [map] : [originalMap, map], tasks, options, progress, ct)
            : null;
        using var process = Process.GetCurrentProcess();
        var result = new EvaluationResult(
            Describe(location, map, header.Model, model),
            original is null ? null : Describe(originalLocation!, originalMap!, header.Against!, original),
            header.Tasks,
            Aggregate.Of(results.Items, options.Seed),
            pairs,
            results.Items.Count,
            header.Tasks.Sum(t => t.Items.Length),
            process.PeakWorkingSet64,
            clock.Elapsed.TotalSeconds);
        return result with { Speed = speed };

        int[] Chosen(IEvaluationTask task) =>
            OnnxMka.Running.Tokens.Spread.Choose(task.Count, options.Limit ?? task.Count, options.Seed);
    }

    private static void Score(
        IEvaluationTask task,
        TaskHeader entry,
        ResultFile results,
        ModelUnderTest model,
        ModelUnderTest? original,
        EvaluationOptions options,
        IProgressSink progress,
        CancellationToken ct)
    {
        var done = results.Items.Where(i => i.Task == task.Name).Select(i => i.Index).ToHashSet();
        int[] left = [.. entry.Items.Where((_, place) => place % options.Shard.Count == options.Shard.Index).Where(i => !done.Contains(i))];
        using var stage = progress.Begin(task.Name, left.Length, "items");
        foreach (var item in left)
        {
            ct.ThrowIfCancellationRequested();
            results.Add(new ItemResult(task.Name, task.GroupOf(item), item, Finite(task, item, task.Score(item, model, original))));
            stage.Advance(1);
        }
    }

    /// <summary>Refuses (MKA033) what is no figure: of a model whose logits are NaN every choice would be as likely as any other.</summary>
    private static ImmutableSortedDictionary<string, double> Finite(
        IEvaluationTask task, int item, ImmutableSortedDictionary<string, double> values) =>
        values.FirstOrDefault(v => !double.IsFinite(v.Value)) is not { Key: { } name } bad
            ? values
            : throw new RefusedException(
                "MKA033",
                $"item {item} of {task.Name}",
                $"its {name} is not finite ({bad.Value})",
                "The model overflows or its weights hold NaN; fp16 models may need fp32 or another execution provider");

    private static ImmutableArray<GeneratedPair> Generate(
        ModelUnderTest original,
        ModelUnderTest model,
        EvaluationTasks tasks,
        EvaluationOptions options,
        IProgressSink progress,
        CancellationToken ct)
    {
        using var stage = progress.Begin("generations", options.Generations, "prompts");
        return Generations.Compare(original, model, tasks.Prompts, tasks.Decode, options, stage.AsIncrement<int>(), ct);
    }

    private static SpeedTable? Time(
        BlockMap[] models, EvaluationTasks tasks, EvaluationOptions options, IProgressSink progress, CancellationToken ct)
    {
        if (tasks.Prompts.Count == 0) return null;
        using var stage = progress.Begin("speed", Speed.Work(models.Length), "runs");
        return Speed.Measure(models, tasks.Prompts, tasks.Context, options.Target, stage.AsIncrement<int>(), ct);
    }

    private static EvaluatedModel Describe(ModelLocation location, BlockMap map, string fingerprint, ModelUnderTest run) => new(
        location.Given, fingerprint, map.Count, ModelFiles.Of(map.Model).TotalBytes, run.Seconds > 0 ? run.TokensRead / run.Seconds : 0);
}
