using OnnxMka.Alignment;
using OnnxMka.Running.Activations;

namespace OnnxMka.Scoring;

/// <summary>How the seams of a model are compared.</summary>
public sealed record ScoringOptions
{
    /// <summary>How a sample becomes one row.</summary>
    public Pooling Pooling { get; init; } = Pooling.Mean;

    /// <summary>How two seams are compared.</summary>
    public AlignmentOptions Alignment { get; init; } = new();

    /// <summary>Who computes the scores, asked once there is something to score; it may have something to say.</summary>
    public Func<Action<string>, IScoringKernels> Kernels { get; init; } = _ => new CpuScoringKernels();

    /// <summary>Similarities from an earlier run; null to compute them.</summary>
    internal Analysis? Analysis { get; init; }
}
