using OnnxMka.Running.Parts;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Measuring;

/// <summary>Perplexity however a model is run: at once, or one block after the other.</summary>
internal static class ModelPerplexity
{
    /// <summary>Of all tokens but the first of each window. Progress counts windows. Refuses as either way does.</summary>
    /// <param name="blocks">Where they run one by one, halves of a layer run together.</param>
    public static Perplexity Measure(
        BlockMap blocks, CalibrationSet text, RunPlan run, RunningOptions options, IProgress<int>? progress = null, CancellationToken ct = default) =>
        run.Mode == RunMode.Whole
            ? Perplexity.Measure(blocks, text, options.BatchSize, options.Target, progress, ct)
            : ChainPerplexity.Measure(BlockDetector.WithoutHalves(blocks), text, run.Chain, options.Target, progress, ct);
}
