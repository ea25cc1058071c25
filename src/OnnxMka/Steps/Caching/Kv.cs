using OnnxMka.Bench;
using OnnxMka.Outcomes;

namespace OnnxMka.Steps.Caching;

/// <summary>
/// Makes the caches smaller, without a node more: value heads are folded into fewer columns, those that reach the output; where an operator
/// wants keys and values of one size, keys lose as many, whole rotary pairs. All layers get heads of one size. Decided where
/// <see cref="Value"/> or <see cref="Head"/> says which.
/// </summary>
public sealed record Kv : Step
{
    /// <summary>Share of the caches' bytes that goes, 0 up to but not 1.</summary>
    [Bounds(0, Most = 1, BelowMost = true)]
    public double? Ratio { get; init; }

    /// <summary>Columns of a value head; keys stay as they are.</summary>
    [Bounds(1)]
    public int? Value { get; init; }

    /// <summary>Columns of a head, of keys as of values; even.</summary>
    [Bounds(2)]
    public int? Head { get; init; }

    /// <summary>The output projection of each attention is then fitted anew to the original seams, where that lowers the error.</summary>
    public bool Refit { get; init; } = true;

    /// <summary>How much calibration text it looks at.</summary>
    public TextAmount Text { get; init; }

    internal bool IsDecided => Ratio is null;

    /// <summary>What its options lack; null for nothing.</summary>
    internal string? Flaw =>
        new[] { Ratio is null, Value is null, Head is null }.Count(isNull => !isNull) != 1 ? "it wants one of ratio, value and head"
        : Head % 2 == 1 ? "keys lose pairs of columns, and head is odd"
        : null;
}
