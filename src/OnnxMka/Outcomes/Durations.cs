using System.Globalization;

namespace OnnxMka.Outcomes;

/// <summary>Times as people write them.</summary>
internal static class Durations
{
    /// <summary>More is no time to wait for: eleven days.</summary>
    private const double MostSeconds = 1e6;

    /// <summary><c>90s</c>, <c>10m</c>, <c>1.5h</c>; null for anything else.</summary>
    public static TimeSpan? Parse(string text)
    {
        double? unit = text.Length == 0 ? null : text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, _ => null };
        return unit is { } seconds
            && double.TryParse(text.AsSpan(0, text.Length - 1), CultureInfo.InvariantCulture, out var number)
            && number > 0
            && number * seconds < MostSeconds
            ? TimeSpan.FromSeconds(number * seconds)
            : null;
    }

    /// <summary>As an estimate is told: <c>40 s</c>, <c>3 min</c>, <c>2.5 h</c>.</summary>
    public static string About(double seconds) => seconds switch
    {
        < 90 => FormattableString.Invariant($"{Math.Max(1, seconds):0} s"),
        < 5400 => FormattableString.Invariant($"{seconds / 60:0} min"),
        _ => FormattableString.Invariant($"{seconds / 3600:0.0} h"),
    };

    /// <summary>The same back, in the largest unit that has no fraction.</summary>
    public static string Text(TimeSpan time)
    {
        var seconds = time.TotalSeconds;
        var (number, unit) = seconds % 3600 == 0 ? (seconds / 3600, "h") : seconds % 60 == 0 ? (seconds / 60, "m") : (seconds, "s");
        return FormattableString.Invariant($"{number:R}{unit}");
    }
}
