using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace OnnxMka.Json;

/// <summary>
/// How JSON is written, whatever holds it: configuration, plans, analyses, searches, results, reports, cards. Names in camel case, choices
/// as words, and of text only quotation marks, backslashes and control characters escaped: parsers of some runtimes know no other escapes.
/// </summary>
internal static class JsonForm
{
    /// <summary>A document for people too.</summary>
    public static JsonSerializerOptions Indented { get; } = Options(indented: true);

    /// <summary>A value in one line.</summary>
    public static JsonSerializerOptions Line { get; } = Options(indented: false);

    /// <summary>Text as a JSON string.</summary>
    public static string Quoted(string text) => JsonSerializer.Serialize(text, Line);

    private static JsonSerializerOptions Options(bool indented)
    {
        var options = new JsonSerializerOptions
        {
            WriteIndented = indented,
            Encoder = PlainEncoder.Instance,
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
        };
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }

    /// <summary>Escapes what JSON itself must have escaped, and halves of surrogate pairs, which are no text.</summary>
    private sealed unsafe class PlainEncoder : JavaScriptEncoder
    {
        public static PlainEncoder Instance { get; } = new();

        public override int MaxOutputCharactersPerInputCharacter => 6;

        public override bool WillEncode(int unicodeScalar) => unicodeScalar is < ' ' or '"' or '\\' or (>= 0xD800 and <= 0xDFFF);

        public override int FindFirstCharacterToEncode(char* text, int textLength)
        {
            for (var i = 0; i < textLength; i++)
            {
                if (i + 1 < textLength && char.IsSurrogatePair(text[i], text[i + 1])) i++;
                else if (WillEncode(text[i])) return i;
            }

            return -1;
        }

        public override bool TryEncodeUnicodeScalar(int unicodeScalar, char* buffer, int bufferLength, out int numberOfCharactersWritten)
        {
            string escaped = unicodeScalar switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                _ => $"\\u{unicodeScalar:x4}",
            };
            var fits = escaped.AsSpan().TryCopyTo(new Span<char>(buffer, bufferLength));
            numberOfCharactersWritten = fits ? escaped.Length : 0;
            return fits;
        }
    }
}
