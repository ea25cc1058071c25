using System.Collections.Immutable;

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
        return unit is { } u && double.TryParse(text[..split], System.Globalization.CultureInfo.InvariantCulture, out var number) && number > 0
            ? (long)(number * u)
            : throw new UsageException($"{option} {text}: give a size such as 600MB or 8GB.");
    }
}
