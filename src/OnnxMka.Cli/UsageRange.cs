using System.Collections.Immutable;
using System.Globalization;

namespace OnnxMka.Cli;

/// <summary>Option values within their bounds.</summary>
internal static class UsageRange
{
    public static int AtLeast(int value, int least, string option) =>
        value >= least ? value : throw new UsageException($"{option} is {value}; it must be at least {least}.");

    /// <summary>Comma-separated whole numbers; empty for none.</summary>
    public static ImmutableArray<int> Numbers(string? text, string option)
    {
        if (text is null) return [];
        var numbers = ImmutableArray.CreateBuilder<int>();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!int.TryParse(part, out var number) || number < 0) throw new UsageException($"{option} {text}: '{part}' is no block number; give numbers such as 3,7.");
            numbers.Add(number);
        }

        return numbers.ToImmutable();
    }

    /// <summary>A share such as 10% or 0.1; null for none.</summary>
    public static double? Share(string? text, string option)
    {
        if (text is null) return null;
        var number = text.EndsWith('%') ? text[..^1] : text;
        return double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var v) && v >= 0 && double.IsFinite(v)
            ? text.EndsWith('%') ? v / 100 : v
            : throw new UsageException($"{option} {text}: give a share such as 10% or 0.1.");
    }

    /// <summary>A size such as 600MB or 8GB (powers of 1000) or 8GiB; null for none.</summary>
    public static long? Bytes(string? text, string option)
    {
        if (text is null) return null;
        var split = text.Length;
        while (split > 0 && !char.IsAsciiDigit(text[split - 1])) split--;
        long? unit = text[split..].Trim().ToUpperInvariant() switch
        {
            "" or "B" => 1,
            "KB" => 1000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "MIB" => 1 << 20,
            "GIB" => 1 << 30,
            _ => null,
        };
        return unit is { } u && double.TryParse(text[..split], CultureInfo.InvariantCulture, out var number) && number > 0
            ? (long)(number * u)
            : throw new UsageException($"{option} {text}: give a size such as 600MB or 8GB.");
    }
}
