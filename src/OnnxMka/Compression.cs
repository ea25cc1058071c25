using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Emission;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Jobs;
using OnnxMka.Matching;
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
using OnnxMka.Verification;

namespace OnnxMka;

/// <summary>The whole job, one line a stage: load, detect, calibrate and score, plan, rewrite, write, verify, evaluate, commit.</summary>
public sealed class Compression
{
    private readonly CompressionOptions _options;
    private readonly IProgressSink _progress;
    private readonly CancellationToken _ct;
    private readonly StageClock _clock = new();
    private Analysis? _analysis;

    private Compression(CompressionOptions options, IProgressSink progress, CancellationToken ct)
    {
        _options = options;
        _progress = progress;
        _ct = ct;
    }

    /// <summary>Nothing stands under the output's name unless this returns. Refuses as each stage does.</summary>
    public static CompressionResult Run(CompressionOptions options, IProgressSink? progress = null, CancellationToken ct = default) =>
        new Compression(options with { Running = options.Running.Trying([ModelLocation.Find(options.Input).ModelPath], ct) }, progress ?? NoProgress.Instance, ct).Run();

    private CompressionResult Run()
    {
        var input = ModelLocation.Find(_options.Input);
        var target = _options.Output.Path is null ? null : OutputTarget.For(input, _options.Output.Path, _options.Output.Force);
        var map = _clock.Time("detect blocks", () => BlockDetector.Detect(OnnxModel.Load(input.ModelPath), _options.ReadyPlan is { Units: not null } ? Granularity.Sublayer : _options.Granularity));
        var files = ModelFiles.Of(map.Model);
        var named = _options.Output.Files.ReadsModel(input, map.Model);
        if (target is not null) named = Emitter.Check(input, map.Model, target, _options.Output.ForceExternalData, named);
        named.Check();
        using var texts = new Texts(_options.Calibration with { Length = GraphLengths.Of(map).Fit(_options.Calibration.Length) }, input.ModelPath, _ct);
        var fingerprint = Fingerprint.Of(map.Model);
        var options = _options.Plan.For(map) with { Count = _options.Ratio is { } ratio ? PlanOptions.ForRatio(ratio, map.Count) : _options.Plan.Count };
        using var calibrated = new CalibratedModel(map, _options, texts, _progress, _ct);
        var name = Path.GetFileName(target?.ModelPath ?? input.ModelPath);
        var reduction = _options.Goal is { } goal ? ReduceTo(goal, calibrated, options, fingerprint, texts, name) : Reduce(calibrated, options, fingerprint, texts);
        var (plan, rewritten, analysis, selection, compensation, search) = reduction;
        var planned = Planned(rewritten, name);
        if (_options.Output.DryRun || target is null)
            return Result(null, [], [], null);

        files.RequireUnchanged();
        using var emitter = _clock.Time("write", () => Emitter.Stage(input, map.Model, rewritten, plan, target, _options.Output.ForceExternalData, _progress, _ct));
        if (_options.Output.ModelCard) emitter.ReserveCard(_options.Output.Force);
        var deltas = _clock.Time("prove", () => Prove(map, rewritten, emitter.Staged));
        var verdicts = _options.Verify ? _clock.Time("verify", () => Verify(map, rewritten, emitter.Staged, texts)) : [];
        if (_options.Check) verdicts = verdicts.Add(_clock.Time("check", () => GraphCheck.Run(emitter.Staged.ModelPath, plan, rewritten.Model)));
        var quality = _options.Evaluate ? _clock.Time("evaluate", () => Evaluate(calibrated, reduction, emitter.Staged, texts)) : null;
        _ct.ThrowIfCancellationRequested();
        var result = Result(emitter.Staged, deltas, verdicts, quality);
        if (_options.Output.ModelCard) emitter.AddCard(Cards.ModelCard.Write(result, _options));
        files.RequireUnchanged();
        return result with { Emitted = emitter.Commit() };

        CompressionResult Result(EmittedModel? emitted, ImmutableArray<TensorDelta> deltas, ImmutableArray<Verdict> verdicts, QualityTable? quality) =>
            new(map, plan, analysis, emitted, deltas, verdicts, quality, files.TotalBytes, planned, _clock.Times) { Selection = selection, Compensation = compensation, Search = search, Merging = reduction.Merging };
    }

    /// <summary>Select, plan, rewrite, compensate; or, for the best of several ways, the search that does all of it.</summary>
    private Reduction Reduce(CalibratedModel calibrated, PlanOptions options, string fingerprint, Texts texts)
    {
        var map = calibrated.Map;
        if (_options.ReadyPlan is null && options.Method == Method.Best)
        {
            return _clock.Time("search", () => BestSearch.Run(calibrated, options, fingerprint, _options, _progress, _ct));
        }

        return Finish(calibrated, Choose(calibrated, options, fingerprint, texts));
    }

    /// <summary>As many blocks as a size or a loss asks for.</summary>
    private Reduction ReduceTo(ReductionTarget goal, CalibratedModel calibrated, PlanOptions options, string fingerprint, Texts texts, string name)
    {
        var best = options.Method == Method.Best;
        var room = best ? options with { Method = Method.Drop } : options;
        var most = _options.Select is { } kind && !BlockSelector.IsPlanned(kind) ? BlockSelector.Candidates(calibrated.Map, room, _options.WeighMerges).Length : MergePlanner.Room(calibrated.Map, room);
        var search = new TargetSearch(
            most,
            count => best ? Reduce(calibrated, options with { Count = count }, fingerprint, texts) : Choose(calibrated, options with { Count = count }, fingerprint, texts),
            chosen => best ? chosen : Finish(calibrated, chosen),
            _progress.Note);
        if (goal.Bytes is not { } bytes) return search.ByLoss(calibrated.OriginalHeldOutLoss, goal.MaxIncrease!.Value, r => calibrated.HeldOutLoss(r.Model));
        var excess = ModelWriter.Plan(calibrated.Map.Model, name, _options.Output.ForceExternalData).TotalBytes - bytes;
        return search.BySize(bytes, calibrated.LeastRemovals(excess), r => Planned(r.Model, name));
    }

    /// <summary>Select, plan, rewrite.</summary>
    private Reduction Choose(CalibratedModel calibrated, PlanOptions options, string fingerprint, Texts texts)
    {
        var map = calibrated.Map;
        SelectionReport? selection = null;
        if (_options.ReadyPlan is null && (_options.Select is not { } kind || BlockSelector.IsPlanned(kind)))
        {
            MergePlanner.CheckRoom(map, options);
        }
        else if (_options.ReadyPlan is null)
        {
            BlockSelector.CheckRoom(map, options, _options.WeighMerges);
            var weights = _options.WeighMerges && options.Alpha is null
                ? _analysis ??= Analyse(calibrated, options, fingerprint, texts)
                : null;
            selection = _clock.Time("select", () => calibrated.Select(_options.Select!.Value, options, fingerprint, weights?.Npib));
            options = options with { Named = selection.Blocks };
        }

        var analysis = _analysis ??= Analyse(calibrated, options, fingerprint, texts);
        var plan = _options.ReadyPlan is { } ready ? Checked(ready, fingerprint)
            : _options.WeighMerges ? MergePlanner.Of(map, selection!.Steps(map), options, fingerprint)
            : MergePlanner.Plan(map, analysis?.Npib, options, fingerprint);
        MergeReport? merging = null;
        if (_options.ReadyPlan is null && options.Method == Method.Mka && (options.FitAlpha || options.Align != AlignUnits.None))
            (plan, merging) = _clock.Time("refine merges", () => calibrated.Refine(plan, options));
        return new Reduction(plan, _clock.Time("rewrite", () => ModelRewriter.Apply(map, plan, _options.Output.KeepNames)), analysis, selection, null, null) { Merging = merging };
    }

    private Reduction Finish(CalibratedModel calibrated, Reduction chosen)
    {
        if (_options.Compensate.Kind == CompensationKind.None) return chosen;
        var (compensated, report) = _clock.Time("compensate", () => calibrated.Compensate(chosen.Model, chosen.Plan, _options.Compensate));
        return chosen with { Model = compensated, Compensation = report };
    }

    private long Planned(RewrittenModel model, string name) => ModelWriter.Plan(model.Model, name, _options.Output.ForceExternalData).TotalBytes;

    private Analysis? Analyse(CalibratedModel calibrated, PlanOptions options, string fingerprint, Texts texts)
    {
        if (_options.ReadyPlan is not null) return null;
        var named = !options.Named.IsDefaultOrEmpty;
        var needed = options.Method == Method.Mka ? options.Alpha is null || (!named && options.Order == Order.Similarity) : !named && options.Order == Order.Similarity;
        needed |= _options.WeighMerges && options.Alpha is null;
        if (!needed || (!named && options.Count == 0)) return _options.Scoring.Analysis;
        if (_options.Scoring.Analysis is { } given)
        {
            given.RequireFor(calibrated.Map, fingerprint);
            return given;
        }

        return ModelScoring.Run(
            calibrated.Runner, calibrated.Map, texts.Calibration, _options.Scoring, fingerprint, _progress, _ct, _clock);
    }

    private static MergePlan Checked(MergePlan plan, string fingerprint)
    {
        if (plan.Fingerprint != fingerprint)
            throw new RefusedException("MKA042", "the plan", "it was made for another model", "Make a plan for this model");
        return plan;
    }

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
        if (verdicts.FirstOrDefault(v => !v.Passed) is { } failed)
            throw new VerificationException($"The output failed its check '{failed.Check}': {failed.Value:g3} and at most {failed.Tolerance:g3} is allowed ({failed.Derivation}). It was removed.");
        return verdicts;
    }

    private ImmutableArray<GeneratedPair> Samples(BlockMap map, BlockMap emitted, CalibrationSet text, Texts texts)
    {
        if (_options.Samples == 0) return [];
        using var stage = _progress.Begin("samples", _options.Samples, "prompts");
        using var original = new ModelUnderTest(map, _options.Running.Target);
        using var result = new ModelUnderTest(emitted, _options.Running.Target);
        var options = new EvaluationOptions { Model = _options.Input, Generations = _options.Samples, Seed = _options.Calibration.Seed };
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
    private QualityTable? Evaluate(CalibratedModel calibrated, Reduction reduction, EmittedModel staged, Texts texts)
    {
        var map = calibrated.Map;
        if (texts.HeldBack is not { } text) return null;
        if (NextTokenScores.Obstacle(map) is { } obstacle)
        {
            _progress.Note($"no perplexity was measured: of {map.Logits}, {obstacle}");
            return null;
        }

        var models = reduction.ChangesNothing ? 1 : reduction.IsPlainDrop ? 2 : 3;
        using var stage = _progress.Begin("perplexity", (long)text.Count * models, "windows");
        var emitted = reduction.Model.Blocks with { Model = OnnxModel.Load(staged.ModelPath) };
        var runner = calibrated.RunnerFor(text);
        var original = models > 1 ? Measure(map) : null;
        if (original is not null && double.IsNaN(original.MeanNll)) throw NonFinite.In(map, text.Samples[0], _options.Running.Target);
        var result = original is null ? Measure(emitted) : OutputRun.Of(() => Measure(emitted));
        var dropped = models > 2 ? Measure(ModelRewriter.Apply(map, reduction.Plan.AsDrop()).Blocks) : result;
        var table = new QualityTable(original ?? result, result, dropped, text.Source, text.Sha256, text.Count, text.Length);
        return runner.Mode == RunMode.Whole
            ? table with { Generations = Samples(map, emitted, text, texts), Speed = Time(models > 1 ? [map, emitted] : [emitted], text) }
            : table;

        Perplexity Measure(BlockMap blocks) => Perplexity.Measure(runner, blocks, text, stage.AsIncrement<int>(), _ct);
    }
}
