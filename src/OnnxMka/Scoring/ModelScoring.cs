using OnnxMka.Measuring;
using OnnxMka.Outcomes;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Scoring;

/// <summary>Calibrates a model and scores its seams.</summary>
internal static class ModelScoring
{
    /// <summary>An analysis of the model. Refuses as calibration and scoring do.</summary>
    public static Analysis Run(
        Runner runner,
        BlockMap map,
        CalibrationSet set,
        ScoringOptions scoring,
        string fingerprint,
        IProgressSink progress,
        CancellationToken ct,
        StageClock clock)
    {
        runner = runner.Trying([map.Model.Path], ct);
        var seams = clock.Time("calibrate", () =>
        {
            CausalityCheck.Refuse(runner, map, set.Samples[0]);
            return runner.Pooled(map, set, scoring.Pooling, progress, ct);
        });
        var (npib, embeddings) = clock.Time(
            "score", () => Scorer.Score(seams, scoring.Alignment, scoring.Kernels(progress.Note), progress, ct));
        return new Analysis(
            fingerprint,
            npib,
            [.. embeddings.Select(e => e.Sigma)],
            [.. embeddings.Select(e => e.Eigenvalues)],
            set.Count,
            set.Length,
            set.Source,
            set.Sha256,
            runner.Options.Target.Name)
        {
            Embeddings = embeddings,
            Seams = [.. SeamStatistics.Of(seams)],
        };
    }
}
