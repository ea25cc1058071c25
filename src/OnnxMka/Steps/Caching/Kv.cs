using OnnxMka.Bench;
using OnnxMka.Outcomes;

namespace OnnxMka.Steps.Caching;

/// <summary>
/// Makes the caches smaller: value heads lose the columns that reach the output least, folded into the projections before and behind
/// them, so that no node is added. All layers get heads of one size. Decided where <see cref="Value"/> says which.
/// </summary>
public sealed record Kv : Step
{
    /// <summary>Share of the caches' bytes that goes, 0 up to but not 1.</summary>
    [Bounds(0, Most = 1, BelowMost = true)]
    public double? Ratio { get; init; }

    /// <summary>Columns of a value head.</summary>
    [Bounds(1)]
    public int? Value { get; init; }

    /// <summary>The output projection of each attention is then fitted anew to the original seams, where that lowers the error.</summary>
    public bool Refit { get; init; } = true;

    /// <summary>How much calibration text it looks at.</summary>
    public TextAmount Text { get; init; }

    internal bool IsDecided => Ratio is null;

    /// <summary>What its options lack; null for nothing.</summary>
    internal string? Flaw => Ratio is null == Value is null ? "it wants one of ratio and value" : null;
}
