using System.Globalization;

namespace OnnxMka;

/// <summary>
/// Names and texts of untrusted files as a terminal may show them: what could move the cursor, colour the terminal or turn the reading
/// direction is a <c>?</c>.
/// </summary>
public static class PrintableText
{
    private const int LongestStart = 200;
    private const int LongestEnd = 100;

    /// <summary>As many characters as the text has.</summary>
    public static string Of(string text) => string.Create(text.Length, text, (span, source) =>
    {
        for (var i = 0; i < source.Length; i++)
            span[i] = IsPrintable(source, i) ? source[i] : '?';
    });

    /// <summary>The same, where what is longer than a few lines loses its middle.</summary>
    public static string Short(string text) =>
        Of(
            text.Length > LongestStart + LongestEnd
                ? string.Concat(text.AsSpan(0, LongestStart), "...", text.AsSpan(text.Length - LongestEnd))
                : text);

    private static bool IsPrintable(string text, int index) => char.GetUnicodeCategory(text, index) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned)
        || (char.IsLowSurrogate(text[index]) && index > 0 && char.IsHighSurrogate(text[index - 1]));
}
