using System.Collections.Immutable;

namespace OnnxMka.Compensation;

/// <summary>One closed-form step.</summary>
/// <param name="Block">Original number of the block that is changed, or behind which nodes are added.</param>
/// <param name="Place">Weight or seam that is changed.</param>
/// <param name="ErrorBefore">
/// <c>||t - y|| / ||t||</c> on held-out tokens (a refit's: root mean square over tokens of each token's): y what the block leaves, t the
/// original stream there.
/// </param>
/// <param name="ErrorAfter">The same with the step; null where none was computed.</param>
/// <param name="Ridge">In units of the mean diagonal; null where the step has none.</param>
/// <param name="Kept">False where held-out error did not fall: the step was left out.</param>
/// <param name="Note">Why no step was possible; null otherwise.</param>
internal sealed record CompensationStep(
    int Block, string Place, double? ErrorBefore, double? ErrorAfter, double? Ridge, bool Kept, string? Note);

/// <summary>A correction that was tried.</summary>
/// <param name="Kind">Its name; <c>none</c> for none.</param>
/// <param name="HeldOutPerplexity">On calibration windows that nothing was fitted to; null where it is no finite number.</param>
internal sealed record CompensationTrial(string Kind, double? HeldOutPerplexity);

/// <summary>What a correction did.</summary>
/// <param name="Kind">Its name; <c>none</c> for none.</param>
/// <param name="Trials">All that were compared for it.</param>
internal sealed record CompensationReport(string Kind, ImmutableArray<CompensationStep> Steps, ImmutableArray<CompensationTrial> Trials)
{
    /// <summary>Nothing was corrected.</summary>
    public const string None = "none";
}
