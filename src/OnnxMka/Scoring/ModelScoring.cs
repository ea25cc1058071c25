using OnnxMka.Blocks;
using OnnxMka.Calibration;
using OnnxMka.Chain;
using OnnxMka.Runtime;
using OnnxMka.Verification;

namespace OnnxMka.Scoring;

/// <summary>Calibrates a model and scores its seams.</summary>
public static class ModelScoring
{
    /// <summary>An analysis of the model. Refuses as calibration and scoring do.</summary>
    public static Analysis Run(
        BlockMap map,
        CalibrationSet set,
        CompressionOptions options,
        string fingerprint,
        IProgressSink progress,
        CancellationToken ct,
        StageClock clock)
    {
        options = options with { Target = options.Target.Trying([map.Model.Path], options.Memory, ct) };
        var seams = clock.Time("calibrate", () =>
        {
            CausalityCheck.Refuse(map, set.Samples[0], options.Target);
            var plan = RunPlan.For(map, set, options);
            if (plan.Mode == RunMode.Whole)
            {
                using var whole = progress.Begin("calibrate", set.Count, "samples");
                return CalibrationRun.Pooled(map, set, options.Pooling, options.BatchSize, options.Target, whole.AsIncrement<int>(), ct);
            }

            progress.Note($"one block at a time: {plan.Why}");
            using var chain = progress.Begin("calibrate", ChainCalibration.ProgressTotal(map, set), "samples x blocks");
            return ChainCalibration.Pooled(map, set, options.Pooling, plan.Chain, options.Target, chain.AsIncrement<int>(), ct);
        });
        var (npib, embeddings) = clock.Time("score", () => Scorer.Score(seams, options.Alignment, options.Kernels(progress.Note), progress, ct));
        return new Analysis(
            fingerprint,
            npib,
            [.. embeddings.Select(e => e.Sigma)],
            [.. embeddings.Select(e => e.Eigenvalues)],
            set.Count,
            set.Length,
            set.Source,
            set.Sha256,
            options.Target.Name)
        {
            Embeddings = embeddings,
            Seams = [.. SeamStatistics.Of(seams)],
        };
    }
}
