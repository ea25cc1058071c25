namespace OnnxMka.Outcomes;

/// <summary>
/// A loss in nats a token: a finite number, or the reason why there is none. A loss without a number is larger than any with one, so that
/// no choice of the least falls on it while something else can be chosen.
/// </summary>
public sealed record Loss : IComparable<Loss>
{
    private Loss(double? nats, string? reason)
    {
        Nats = nats;
        Reason = reason;
    }

    /// <summary>Null where there is no finite number.</summary>
    public double? Nats { get; }

    /// <summary>What there is in place of a number; null where there is one.</summary>
    public string? Reason { get; }

    /// <summary>True where there is a number.</summary>
    public bool IsFinite => Nats is not null;

    /// <summary><c>exp</c> of it; null where that is no finite number.</summary>
    public double? Perplexity => Finite(Math.Exp(Nats ?? double.NaN));

    /// <summary>In nats a token; one that is not finite becomes its reason.</summary>
    public static Loss Of(double nats) =>
        double.IsFinite(nats) ? new Loss(nats, null) : new Loss(null, double.IsNaN(nats) ? "NaN" : "infinite");

    /// <summary>Rise of the perplexity over that of another loss, as a share; null where that is no finite number.</summary>
    public double? IncreaseOver(Loss other) => Finite(Math.Exp((Nats - other.Nats) ?? double.NaN) - 1);

    /// <summary>Losses without a number are equal, and behind all others.</summary>
    public int CompareTo(Loss? other) => (Nats ?? double.PositiveInfinity).CompareTo(other?.Nats ?? double.PositiveInfinity);

    /// <summary>As <see cref="CompareTo"/> says.</summary>
    public static bool operator <(Loss left, Loss right) => left.CompareTo(right) < 0;

    /// <inheritdoc cref="op_LessThan"/>
    public static bool operator >(Loss left, Loss right) => left.CompareTo(right) > 0;

    /// <inheritdoc cref="op_LessThan"/>
    public static bool operator <=(Loss left, Loss right) => left.CompareTo(right) <= 0;

    /// <inheritdoc cref="op_LessThan"/>
    public static bool operator >=(Loss left, Loss right) => left.CompareTo(right) >= 0;

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}
