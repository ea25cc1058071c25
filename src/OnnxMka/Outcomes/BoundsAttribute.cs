using System.Globalization;
using System.Reflection;

namespace OnnxMka.Outcomes;

/// <summary>
/// What numbers an option may be, whoever gives it: a flag, a recipe, a program. Numbers that are not finite it never may.
/// </summary>
/// <param name="least">The least, unless <see cref="BeyondLeast"/>.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class BoundsAttribute(double least) : Attribute
{
    /// <summary>The least, unless <see cref="BeyondLeast"/>.</summary>
    public double Least => least;

    /// <summary>The most, unless <see cref="BelowMost"/>.</summary>
    public double Most { get; init; } = double.PositiveInfinity;

    /// <summary>The least itself is out of bounds.</summary>
    public bool BeyondLeast { get; init; }

    /// <summary>The most itself is out of bounds.</summary>
    public bool BelowMost { get; init; }

    /// <summary>Those of an option.</summary>
    /// <typeparam name="T">The record that has it.</typeparam>
    internal static BoundsAttribute Of<T>(string option) => typeof(T).GetProperty(option)!.GetCustomAttribute<BoundsAttribute>()
        ?? throw new ArgumentException($"{typeof(T).Name}.{option} has no bounds", nameof(option));

    /// <summary>True for a finite number within them.</summary>
    public bool Has(double value) =>
        double.IsFinite(value) && (BeyondLeast ? value > least : value >= least) && (BelowMost ? value < Most : value <= Most);

    /// <summary>Such as <c>at least 0 and less than 1</c>, <c>1 to 16</c>, <c>above 0</c>.</summary>
    public override string ToString()
    {
        var (from, to) = (least.ToString(CultureInfo.InvariantCulture), Most.ToString(CultureInfo.InvariantCulture));
        if (!BeyondLeast && !BelowMost && double.IsFinite(Most)) return $"{from} to {to}";
        var lower = BeyondLeast ? $"above {from}" : $"at least {from}";
        return double.IsFinite(Most) ? $"{lower} and {(BelowMost ? "less than" : "at most")} {to}" : lower;
    }
}
