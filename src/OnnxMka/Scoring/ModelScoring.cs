using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Scoring;

/// <summary>Calibrates a model and scores its seams.</summary>
public static class ModelScoring
{
    /// <summary>An analysis of the model. Refuses as calibration and scoring do.</summary>
    public static Analysis Run(
        BlockMap map,
        CalibrationSet set,
        ScoringOptions scoring,
        RunningOptions running,
        string fingerprint,
        IProgressSink progress,
        CancellationToken ct,
        StageClock clock)
    {
        running = running.Trying([map.Model.Path], ct);
        var seams = clock.Time("calibrate", () =>
        {
            var plan = RunPlan.For(map, set, running);
            CausalityCheck.Refuse(map, set.Samples[0], plan, running.Target);
            if (plan.Mode == RunMode.Whole)
            {
                using var whole = progress.Begin("calibrate", set.Count, "samples");
                return CalibrationRun.Pooled(map, set, scoring.Pooling, running.BatchSize, running.Target, whole.AsIncrement<int>(), ct);
            }

            progress.Note($"one block at a time: {plan.Why}");
            using var chain = progress.Begin("calibrate", ChainCalibration.ProgressTotal(map, set), "samples x blocks");
            return ChainCalibration.Pooled(map, set, scoring.Pooling, plan.Chain, running.Target, chain.AsIncrement<int>(), ct);
        });
        var (npib, embeddings) = clock.Time("score", () => Scorer.Score(seams, scoring.Alignment, scoring.Kernels(progress.Note), progress, ct));
        return new Analysis(
            fingerprint,
            npib,
            [.. embeddings.Select(e => e.Sigma)],
            [.. embeddings.Select(e => e.Eigenvalues)],
            set.Count,
            set.Length,
            set.Source,
            set.Sha256,
            running.Target.Name)
        {
            Embeddings = embeddings,
            Seams = [.. SeamStatistics.Of(seams)],
        };
    }
}
