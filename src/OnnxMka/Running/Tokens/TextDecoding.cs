using System.Buffers;
using System.Text;

namespace OnnxMka.Running.Tokens;

/// <summary>
/// Bytes to text, for whatever is read from outside: texts, questions, token ids, plans, analyses, stored results and searches. The byte
/// order mark says which encoding it is and is no part of the text; without one it is UTF-8.
/// </summary>
internal static class TextDecoding
{
    /// <summary>UTF-32 before UTF-16, whose mark its own begins with.</summary>
    private static readonly (string Name, Encoding Encoding)[] Marked =
    [
        ("UTF-8", new UTF8Encoding(true, throwOnInvalidBytes: true)),
        ("UTF-32", new UTF32Encoding(false, true, throwOnInvalidCharacters: true)),
        ("UTF-32", new UTF32Encoding(true, true, throwOnInvalidCharacters: true)),
        ("UTF-16", new UnicodeEncoding(false, true, throwOnInvalidBytes: true)),
        ("UTF-16", new UnicodeEncoding(true, true, throwOnInvalidBytes: true)),
    ];

    /// <summary>
    /// Refuses (MKA077) bytes that are no text in that encoding, and NUL, at which the tokenizer would take the text to end. The place
    /// that is told counts bytes of the file from 0.
    /// </summary>
    /// <param name="name">Of the file, for people.</param>
    public static string Of(ReadOnlySpan<byte> bytes, string name)
    {
        var (known, encoding) = Marked[0];
        var start = 0;
        foreach (var candidate in Marked)
        {
            if (!bytes.StartsWith(candidate.Encoding.Preamble)) continue;
            (known, encoding) = candidate;
            start = encoding.Preamble.Length;
            break;
        }

        if (start == 0 && bytes.Length > 1 && bytes[0] == 0 != (bytes[1] == 0))
            throw Refused(name, "it looks like UTF-16 without a byte order mark");
        string text;
        try
        {
            text = encoding.GetString(bytes[start..]);
        }
        catch (DecoderFallbackException)
        {
            throw Refused(name, $"it is not {known} at byte {start + ValidLength(bytes[start..], encoding)}");
        }

        if (text.IndexOf('\0', StringComparison.Ordinal) is >= 0 and var nul)
        {
            throw Refused(
                name,
                $"it holds a NUL at byte {start + encoding.GetByteCount(text.AsSpan(0, nul))}",
                "Remove it: a tokenizer takes the text to end there");
        }

        return text;
    }

    /// <summary>Bytes before the first that no character takes.</summary>
    private static int ValidLength(ReadOnlySpan<byte> bytes, Encoding encoding)
    {
        if (encoding is UTF8Encoding) return Utf8Length(bytes);
        var unit = encoding is UTF32Encoding ? 4 : 2;
        var characters = new char[2];
        var decoder = encoding.GetDecoder();
        var (valid, place) = (0, 0);
        for (; place + unit <= bytes.Length; place += unit)
        {
            try
            {
                if (decoder.GetChars(bytes.Slice(place, unit), characters, flush: false) > 0) valid = place + unit;
            }
            catch (DecoderFallbackException)
            {
                return valid;
            }
        }

        return valid;
    }

    private static int Utf8Length(ReadOnlySpan<byte> bytes)
    {
        var length = 0;
        while (length < bytes.Length)
        {
            if (Rune.DecodeFromUtf8(bytes[length..], out _, out var taken) != OperationStatus.Done) return length;
            length += taken;
        }

        return length;
    }

    private static RefusedException Refused(
        string name, string what, string next = "Save it as UTF-8, or as UTF-16 or UTF-32 with a byte order mark") =>
        new("MKA077", name, what, next);
}
