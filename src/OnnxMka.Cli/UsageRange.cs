using System.Collections.Immutable;
using System.Numerics;
using OnnxMka.Outcomes;

namespace OnnxMka.Cli;

/// <summary>Option values within their bounds.</summary>
internal static class UsageRange
{
    public static int AtLeast(int value, int least, string option) =>
        value >= least ? value : throw new UsageException($"{option} is {value}; it must be at least {least}.");

    /// <summary>A number within the bounds of the option of <typeparamref name="T"/> that it is for; null for none.</summary>
    public static TNumber? Within<T, TNumber>(TNumber? value, string property, string option)
        where TNumber : struct, INumber<TNumber> => value is null ? null : Within<T, TNumber>(value.Value, property, option);

    /// <inheritdoc cref="Within{T, TNumber}(TNumber?, string, string)"/>
    public static TNumber Within<T, TNumber>(TNumber value, string property, string option)
        where TNumber : struct, INumber<TNumber> => BoundsAttribute.Of<T>(property) is var bounds && bounds.Has(double.CreateChecked(value))
            ? value
            : throw new UsageException($"{option} is {value}; it must be {bounds}.");

    /// <summary>Comma-separated whole numbers; empty for none.</summary>
    public static ImmutableArray<int> Numbers(string? text, string option)
    {
        if (text is null) return [];
        var numbers = ImmutableArray.CreateBuilder<int>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!int.TryParse(part, out var number) || number < 0)
                throw new UsageException($"{option} {text}: '{part}' is no block number; give numbers such as 3,7.");
            numbers.Add(number);
        }

        return numbers.ToImmutable();
    }

    /// <summary>A share such as 10% or 0.1; null for none.</summary>
    public static double? Share(string? text, string option) =>
        text is null ? null : Amounts.Share(text) ?? throw new UsageException($"{option} {text}: give a share such as 10% or 0.1.");

    /// <summary>A size such as 600MB or 8GB (powers of 1000) or 8GiB; null for none.</summary>
    public static long? Bytes(string? text, string option) =>
        text is null ? null : Amounts.Bytes(text) ?? throw new UsageException($"{option} {text}: give a size such as 600MB or 8GB.");
}
