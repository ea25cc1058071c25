using System.Collections.Immutable;

namespace OnnxMka.Compensation;

/// <summary>What makes up for removed blocks, in closed form, without training.</summary>
public enum CompensationKind
{
    None,

    /// <summary>Every weight that writes to the stream, from the first cut on, is fitted anew to the original seams.</summary>
    Refit,

    /// <summary>A linear map folded into the last down projection before each cut (ReplaceMe).</summary>
    Fold,

    /// <summary>A linear map as two nodes at each cut.</summary>
    Linear,

    /// <summary>A scale for each Hadamard channel as one node at each cut (LinearPatch).</summary>
    Hadamard,

    /// <summary>One number at each cut (Prune and Comp).</summary>
    Scale,

    /// <summary>All of them are tried; the lowest loss on held-out calibration text wins.</summary>
    Auto,
}

/// <summary>How compensation is computed.</summary>
public sealed record CompensationOptions
{
    public CompensationKind Kind { get; init; }

    /// <summary>First ridge in units of the mean diagonal of the Gram matrix; null takes that of the method (refit 1e-2, others 1e-3).</summary>
    public double? Ridge { get; init; }

    /// <summary>A step must lower the error on held-out tokens, else its ridge grows tenfold up to this many times, else it is skipped.</summary>
    public int RidgeTrials { get; init; } = 4;

    /// <summary>How often a refit goes over the weights of each block, from 1: the first weight is fitted again once the last has changed.</summary>
    public int Passes { get; init; } = 1;

    internal double FirstRidge(CompensationKind kind) => Ridge ?? (kind == CompensationKind.Refit ? 1e-2 : 1e-3);
}

/// <summary>One closed-form step.</summary>
/// <param name="Block">Original number of the block that is changed, or behind which nodes are added.</param>
/// <param name="Place">Weight or seam that is changed.</param>
/// <param name="ErrorBefore"><c>||t - y|| / ||t||</c> on held-out tokens (a refit's: root mean square over tokens of each token's): y what the block leaves, t the original stream there.</param>
/// <param name="ErrorAfter">The same with the step; null where none was computed.</param>
/// <param name="Ridge">In units of the mean diagonal; null where the step has none.</param>
/// <param name="Kept">False where held-out error did not fall: the step was left out.</param>
/// <param name="Note">Why no step was possible; null otherwise.</param>
public sealed record CompensationStep(int Block, string Place, double? ErrorBefore, double? ErrorAfter, double? Ridge, bool Kept, string? Note);

/// <summary>A kind that was tried.</summary>
/// <param name="HeldOutPerplexity">On calibration windows that nothing was fitted to; null where it is no finite number.</param>
public sealed record CompensationTrial(CompensationKind Kind, double? HeldOutPerplexity);

/// <summary>What compensation did.</summary>
/// <param name="Kind">The kind that was used.</param>
/// <param name="Trials">All kinds that were compared for it.</param>
public sealed record CompensationReport(CompensationKind Kind, ImmutableArray<CompensationStep> Steps, ImmutableArray<CompensationTrial> Trials);
