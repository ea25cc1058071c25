using System.Globalization;

namespace OnnxMka;

/// <summary>Why the tool does not do something: an expected outcome with a reason, not a bug.</summary>
/// <param name="Code">Stable identifier, <c>MKA001</c> and up; listed in the README.</param>
/// <param name="Where">File, node, tensor or option that is the reason.</param>
/// <param name="What">What is wrong with it.</param>
/// <param name="Next">What the user can do.</param>
public sealed record Refusal(string Code, string Where, string What, string Next)
{
    private const int LongestStart = 200;
    private const int LongestEnd = 100;

    /// <summary>
    /// The one line that is printed. Names come from untrusted files: what could move the cursor, colour the terminal or turn the
    /// reading direction is shown as <c>?</c>, and what is longer than a few lines loses its middle.
    /// </summary>
    public override string ToString() => $"{Code} {Printable(Where)}: {Printable(What)}. {Printable(Next)}.";

    private static string Printable(string text)
    {
        var part = text.Length > LongestStart + LongestEnd ? string.Concat(text.AsSpan(0, LongestStart), "...", text.AsSpan(text.Length - LongestEnd)) : text;
        return string.Create(part.Length, part, (span, source) =>
        {
            for (var i = 0; i < source.Length; i++)
                span[i] = IsPrintable(source, i) ? source[i] : '?';
        });
    }

    private static bool IsPrintable(string text, int index) => char.GetUnicodeCategory(text, index) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned)
        || (char.IsLowSurrogate(text[index]) && index > 0 && char.IsHighSurrogate(text[index - 1]));
}

/// <summary>Carries a <see cref="Refusal"/> to whoever asked for the work.</summary>
public sealed class RefusedException(Refusal refusal, Exception? inner = null) : Exception(refusal.ToString(), inner)
{
    public RefusedException(string code, string where, string what, string next, Exception? inner = null)
        : this(new Refusal(code, where, what, next), inner)
    {
    }

    public Refusal Refusal { get; } = refusal;
}
