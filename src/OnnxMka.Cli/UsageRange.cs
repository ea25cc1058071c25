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
}
