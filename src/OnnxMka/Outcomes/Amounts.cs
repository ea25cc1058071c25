using System.Globalization;

namespace OnnxMka.Outcomes;

/// <summary>Shares and sizes as people write them.</summary>
internal static class Amounts
{
    /// <summary><c>10%</c> or <c>0.1</c>; null for anything else.</summary>
    public static double? Share(string text)
    {
        var number = text.EndsWith('%') ? text[..^1] : text;
        return double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var v) && v >= 0 && double.IsFinite(v)
            ? text.EndsWith('%') ? v / 100 : v
            : null;
    }

    /// <summary><c>600MB</c> or <c>8GB</c> (powers of 1000), <c>8GiB</c>, <c>600000000</c>; null for anything else.</summary>
    public static long? Bytes(string text)
    {
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
            : null;
    }
}
