using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Emission;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Jobs;
using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Scoring;
using OnnxMka.Structure;
using OnnxMka.Verification;

namespace OnnxMka;

/// <summary>
/// The whole job, one line a stage: load, find structure, go through the steps, write, read back, check, measure, commit.
/// </summary>
public sealed class Compressor
{
    private readonly CompressionOptions _options;
    private readonly IProgressSink _progress;
    private readonly CancellationToken _ct;
    private readonly StageClock _clock = new();

    private Compressor(CompressionOptions options, IProgressSink progress, CancellationToken ct)
    {
        _options = options;
        _progress = progress;
        _ct = ct;
    }

    private CalibrationOptions Text => _options.Recipe.Calibration;

    private ScoringOptions Scoring => _options.Recipe.Scoring;

    /// <summary>Nothing stands under the output's name unless this returns. Refuses as each step and stage does.</summary>
    /// <param name="options">Model, recipe and output.</param>
    /// <param name="progress">Told what is being done; null for nobody.</param>
    /// <param name="ct">Ends it early; nothing is left behind.</param>
    /// <exception cref="RefusedException">The model, the recipe or the text cannot be worked with; the code tells why.</exception>
    /// <exception cref="InputFileException">A file cannot be read.</exception>
    /// <exception cref="OutputException">The output cannot be written, or is in the way.</exception>
    /// <exception cref="VerificationException">The written model failed a check, and was removed.</exception>
    /// <exception cref="QualityGateException">No smaller model keeps within the loss that was allowed.</exception>
    /// <exception cref="ExecutionTargetException">The device cannot be used.</exception>
    /// <exception cref="OperationCanceledException">It was ended by <paramref name="ct"/>.</exception>
    public static CompressionResult Run(CompressionOptions options, IProgressSink? progress = null, CancellationToken ct = default)
    {
        var running = options.Running.Trying([ModelLocation.Find(options.Input).ModelPath], ct);
        return new Compressor(options with { Running = running }, progress ?? NoProgress.Instance, ct).Run();
    }

    private CompressionResult Run()
    {
        var input = ModelLocation.Find(_options.Input);
        var target = _options.Output.Path is null ? null : OutputTarget.For(input, _options.Output.Path, _options.Output.Force);
        var map = _clock.Time("detect blocks", () => _options.Recipe.Blocks(OnnxModel.Load(input.ModelPath)));
        var files = ModelFiles.Of(map.Model);
        var named = _options.Output.Files.ReadsModel(input, map.Model);
        if (target is not null) named = Emitter.Check(input, map.Model, target, _options.Output.ForceExternalData, named);
        named.Check();
        var (options, speed) = WindowCount.Chosen(_options, map, _progress, _ct);
        using var texts = JobTexts.Of(options, map, _ct);
        using var bench = JobBench.Open(options, map, target?.ModelPath ?? input.ModelPath, texts, speed, _clock, _progress, _ct);
        var course = bench.Run(_options.Recipe.Steps, bench.Input);
        var (rewritten, plan) = (bench.Finished(course.State), course.State.Lineage.Plan);
        var planned = bench.PlannedBytes(rewritten);
        if (_options.Output.DryRun || target is null) return Result(null, [], [], null);

        files.RequireUnchanged();
        using var emitter = _clock.Time(
            "write", () => Emitter.Stage(input, map.Model, rewritten, plan, target, _options.Output.ForceExternalData, _progress, _ct));
        if (_options.Output.ModelCard) emitter.ReserveCard(_options.Output.Force);
        var deltas = _clock.Time("prove", () => Prove(map, rewritten, emitter.Staged));
        var verdicts = _options.Verify ? _clock.Time("verify", () => Verify(map, rewritten, emitter.Staged, texts)) : [];
        verdicts = [.. verdicts, .. StepChecks(bench, course, emitter.Staged)];
        if (_options.Check)
            verdicts = verdicts.Add(_clock.Time("check", () => GraphCheck.Run(emitter.Staged.ModelPath, plan, rewritten.Model)));
        var quality = _options.Evaluate
            ? _clock.Time("evaluate", () => Evaluate(bench, course, rewritten.Blocks, emitter.Staged, texts))
            : null;
        _ct.ThrowIfCancellationRequested();
        var result = Result(emitter.Staged, deltas, verdicts, quality);
        if (_options.Output.ModelCard) emitter.AddCard(Cards.ModelCard.Write(result, _options));
        files.RequireUnchanged();
        return result with { Emitted = emitter.Commit() };

        CompressionResult Result(
            EmittedModel? emitted, ImmutableArray<TensorDelta> deltas, ImmutableArray<Verdict> verdicts, QualityTable? quality) =>
            new(
            map,
            course.Steps,
            course.State.Lineage,
            bench.Origin(course.State),
            course.Sections,
            bench.ShownAnalysis ?? Scoring.Analysis,
            emitted,
            deltas,
            verdicts,
            quality,
            files.TotalBytes, planned, _clock.Times)
            { Calibration = options.Recipe.Calibration };
    }

    private IEnumerable<Verdict> StepChecks(Workbench bench, Course course, EmittedModel staged)
    {
        if (!course.Checks.Any()) return [];
        var written = OnnxModel.Load(staged.ModelPath);
        return _clock.Time("check steps", () => course.Checks.Select(check => Passed(check.Run(bench.Input, written))).ToArray());
    }

    private static Verdict Passed(Verdict verdict) => verdict.Passed ? verdict : throw new VerificationException(
        $"The output failed its check '{verdict.Check}': {verdict.Value:g3} and at most {verdict.Tolerance:g3} is allowed "
            + $"({verdict.Derivation}). It was removed.");

    private ImmutableArray<TensorDelta> Prove(BlockMap map, RewrittenModel rewritten, EmittedModel staged)
    {
        if (rewritten.Merged.IsEmpty) return [];
        using var stage = _progress.Begin("prove merges", rewritten.Merged.Length, "tensors");
        var deltas = MergeProof.Measure(map, rewritten, OnnxModel.Load(staged.ModelPath), stage.AsIncrement<int>());
        var unmerged = MergeProof.Unmerged(deltas).ToArray();
        if (unmerged.Length > 0 && rewritten.Merged.Any(m => m.Sources.Count > 1 && unmerged.Contains(m.Block)))
            _progress.Note($"Merging changed nothing in block {string.Join(", ", unmerged)}: the blocks merged there are equal.");
        return deltas;
    }

    private ImmutableArray<Verdict> Verify(BlockMap map, RewrittenModel rewritten, EmittedModel staged, Texts texts)
    {
        using var stage = _progress.Begin("verify", 1, "model");
        var probe = StepProbe.Of(map, rewritten.Blocks, texts.HeldBack, _options.Running, _progress.Note);
        var verdicts = Verifier.Verify(map, rewritten.Blocks, staged.ModelPath, probe, _options.Running.Target, _progress.Note);
        stage.Advance(1);
        return [.. verdicts.Select(Passed)];
    }

    private ImmutableArray<GeneratedPair> Samples(BlockMap map, BlockMap emitted, CalibrationSet text, Texts texts)
    {
        if (_options.Samples == 0) return [];
        using var stage = _progress.Begin("samples", _options.Samples, "prompts");
        using var original = new ModelUnderTest(map, _options.Running.Target);
        using var result = new ModelUnderTest(emitted, _options.Running.Target);
        var options = new EvaluationOptions { Model = _options.Input, Generations = _options.Samples, Seed = Text.Seed };
        return Generations.Compare(original, result, text.Samples, texts.Decode, options, stage.AsIncrement<int>(), _ct);
    }

    /// <summary>A model that is the original is run alone.</summary>
    private SpeedTable? Time(BlockMap[] models, CalibrationSet text)
    {
        using var stage = _progress.Begin("speed", Speed.Work(models.Length), "runs");
        if (Speed.Measure(models, text.Samples, null, _options.Running.Target, stage.AsIncrement<int>(), _ct) is not { } table) return null;
        if (table.DecodedTokens == 0 && models[0].Blocks.Any(b => b.KvInputs.Length > 0))
            _progress.Note("decode speed was not measured, since decoding step by step is not understood for this model");
        return models.Length > 1 ? table : table with { Models = [table.Models[0], table.Models[0]] };
    }

    /// <summary>
    /// The result as it was written, the original and the control. Where the control is the result, or both are the original, there is one
    /// model less to run.
    /// </summary>
    private QualityTable? Evaluate(Workbench bench, Course course, BlockMap written, EmittedModel staged, Texts texts)
    {
        var map = bench.Input.Structure;
        if (texts.HeldBack is not { } text) return null;
        if (NextTokenScores.Obstacle(map) is { } obstacle)
        {
            _progress.Note($"no perplexity was measured: of {map.Logits}, {obstacle}");
            return null;
        }

        var isPlainDrop = course.Taken.All(t => IsItsControl(bench, t));
        var models = !isPlainDrop ? 3 : course.State.Lineage.Plan.Removed.Any() ? 2 : 1;
        using var stage = _progress.Begin("perplexity", (long)text.Count * models, "windows");
        var emitted = written with { Model = OnnxModel.Load(staged.ModelPath) };
        var runner = bench.RunnerFor(text);
        var original = models > 1 ? Measure(map) : null;
        if (original is not null && double.IsNaN(original.MeanNll)) throw NonFinite.In(map, text.Samples[0], _options.Running.Target);
        var result = original is null ? Measure(emitted) : OutputRun.Of(() => Measure(emitted));
        var dropped = models > 2 ? Measure(Control(bench, course).Structure) : result;
        var table = new QualityTable(original ?? result, result, dropped, text.Source, text.Sha256, text.Count, text.Length);
        return runner.Mode == RunMode.Whole
            ? table with { Generations = Samples(map, emitted, text, texts), Speed = Time(models > 1 ? [map, emitted] : [emitted], text) }
            : table;

        Perplexity Measure(BlockMap blocks) => Perplexity.Measure(runner, blocks, text, stage.AsIncrement<int>(), _ct);
    }

    /// <summary>A plain removal, or a step that left the model as it was.</summary>
    private static bool IsItsControl(Workbench bench, TakenStep taken) =>
        ReferenceEquals(taken.Before.Model, taken.Result.State.Model) || taken.Step.Equals(bench.Kinds.Of(taken.Step).Control(taken.Step));

    /// <summary>The same units plainly dropped.</summary>
    private static ModelState Control(Workbench bench, Course course) => course.Steps
        .Select(step => bench.Kinds.Of(step).Control(step))
        .OfType<Step>()
        .Aggregate(bench.Input, (state, step) => bench.Apply(step, state).State);
}
