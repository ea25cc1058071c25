using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using OnnxMka.Graph;

namespace OnnxMka.Json;

/// <summary>
/// A JSON file that is changed only where a value changes: key order, spacing, unknown keys, spelling and number formats stay byte for
/// byte. Values are compared decoded, never as text.
/// </summary>
internal sealed class JsonText
{
    /// <summary>Bytes of a file; configuration that is longer is none.</summary>
    private const int MaxBytes = 4 << 20;

    /// <summary>What all values may take together: each 64 and its path's length.</summary>
    private const long MaxPaths = 64 << 20;

    private readonly byte[] _bytes;

    /// <summary>Where the text begins: behind a byte order mark.</summary>
    private readonly int _origin;

    private readonly List<(int Start, int End, string Text)> _changes = [];
    private readonly Dictionary<string, JsonSpan> _spans = new(StringComparer.Ordinal);
    private long _paths;

    private JsonText(byte[] bytes)
    {
        _bytes = bytes;
        _origin = bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0;
        var options = new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };
        var reader = new Utf8JsonReader(PythonNumbers.Masked(bytes).AsSpan(_origin), options);
        if (!Utf8.IsValid(bytes)) throw new JsonException("it is not UTF-8");
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            throw new JsonException($"it is {Named(reader.TokenType)}, not an object");
        Walk(ref reader, "");
        // What follows the object must be nothing.
        while (reader.Read())
        {
        }
    }

    /// <summary>Paths (<c>model.decoder.num_hidden_layers</c>) of all values, in file order.</summary>
    public IEnumerable<KeyValuePair<string, JsonSpan>> Values => _spans;

    /// <summary>The bytes of a configuration file: a plain file of a size that configuration has.</summary>
    public static byte[] ReadBytes(string path) => RegularFile.ReadAllBytes(path, MaxBytes);

    /// <summary>Reads a file. Refuses as <see cref="Parse"/> does.</summary>
    public static JsonText Read(string path) => Parse(ReadBytes(path), path);

    /// <summary>Refuses text that is no JSON object.</summary>
    public static JsonText Parse(byte[] bytes, string name)
    {
        try
        {
            return new JsonText(bytes);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a key with half a surrogate pair.
            throw new RefusedException(
                "MKA051", name, $"it is no JSON object ({e.Message.Split('\n')[0].TrimEnd('.')})", "Mend or remove it", e);
        }
    }

    public JsonSpan? Find(string path) => _spans.GetValueOrDefault(path);

    /// <summary>A string's characters; null where the value is no string, or one that stands for no characters.</summary>
    public string? String(JsonSpan? span)
    {
        if (span is not { Kind: JsonTokenType.String }) return null;
        var reader = new Utf8JsonReader(_bytes.AsSpan(span.Start, span.End - span.Start));
        reader.Read();
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>The value's own text.</summary>
    public string Text(JsonSpan span) => Encoding.UTF8.GetString(_bytes, span.Start, span.End - span.Start);

    /// <summary>A whole number, however it is written (<c>16</c>, <c>16.0</c>); null where the value is none.</summary>
    public long? Integer(string path) => Integer(Find(path));

    public long? Integer(JsonSpan? span)
    {
        if (span is not { Kind: JsonTokenType.Number }) return null;
        var text = Text(span);
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)) return whole;
        // Doubles are whole one by one up to 2^53.
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)) return null;
        return Math.Floor(number) == number && Math.Abs(number) <= 1L << 53 ? (long)number : null;
    }

    public void Replace(JsonSpan span, string text) => _changes.Add((span.Start, span.End, text));

    /// <summary>Another whole number, of the kind that stood there: floats stay floats.</summary>
    /// <returns>The new text; null where the value is that number already.</returns>
    public string? SetInteger(JsonSpan span, long value)
    {
        if (Integer(span) == value) return null;
        var isFloat = span.Kind == JsonTokenType.Number && Text(span).AsSpan().IndexOfAny('.', 'e', 'E') >= 0;
        var text = value.ToString(CultureInfo.InvariantCulture) + (isFloat ? ".0" : "");
        Replace(span, text);
        return text;
    }

    /// <summary>Another string.</summary>
    /// <returns>The new text; null where the value is that string already.</returns>
    public string? SetString(JsonSpan span, string value)
    {
        if (String(span) == value) return null;
        var text = JsonForm.Quoted(value);
        Replace(span, text);
        return text;
    }

    /// <summary>Puts text behind a value, where its comma would be.</summary>
    public void InsertAfter(JsonSpan span, string text) => _changes.Add((span.End, span.End, text));

    /// <summary>Puts a first member into an object.</summary>
    public void InsertAfterOpening(JsonSpan container, string member)
    {
        var isEmpty = Text(container).AsSpan(1).TrimStart()[0] == '}';
        _changes.Add((container.Start + 1, container.Start + 1, isEmpty ? member : member + ", "));
    }

    /// <summary>The whitespace before the key of a value, or nothing.</summary>
    public string IndentOf(JsonSpan span)
    {
        var quotes = 0;
        var position = span.Start - 1;
        // Backwards over the colon and the key, whose quotes are the last two before the value.
        for (; position >= 0 && quotes < 2; position--)
        {
            if (_bytes[position] == '"' && (position == 0 || _bytes[position - 1] != '\\')) quotes++;
        }

        var end = position + 1;
        while (position >= 0 && _bytes[position] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n') position--;
        return Encoding.UTF8.GetString(_bytes, position + 1, end - position - 1);
    }

    /// <summary>Keeps the elements of an array at the given places, in that order, each with its own text or another.</summary>
    public void KeepElements(JsonSpan array, IEnumerable<int> places, Func<int, string>? text = null)
    {
        var elements = array.Elements;
        if (elements.Count == 0) return;
        // Separators (comma, newline, indent) are taken from between the first two elements.
        var separator = elements.Count > 1 ? Encoding.UTF8.GetString(_bytes, elements[0].End, elements[1].Start - elements[0].End) : ", ";
        var kept = string.Join(separator, places.Select(text ?? (p => Text(elements[p]))));
        _changes.Add((elements[0].Start, elements[^1].End, kept));
    }

    public byte[] ToBytes()
    {
        using var output = new MemoryStream();
        var position = 0;
        foreach (var (start, end, text) in _changes.OrderBy(c => c.Start))
        {
            output.Write(_bytes, position, start - position);
            output.Write(Encoding.UTF8.GetBytes(text));
            position = end;
        }

        output.Write(_bytes, position, _bytes.Length - position);
        return output.ToArray();
    }

    private JsonSpan Walk(ref Utf8JsonReader reader, string path)
    {
        var kind = reader.TokenType;
        var start = _origin + (int)reader.TokenStartIndex;
        var elements = new List<JsonSpan>();
        var span = new JsonSpan(kind, start, elements);
        _paths += 64 + path.Length;
        if (_paths > MaxPaths) throw new JsonException("its structure passes what any configuration has");
        if (path.Length > 0) _spans[path] = span;
        if (kind == JsonTokenType.StartObject)
        {
            while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
            {
                var key = reader.GetString()!;
                reader.Read();
                Walk(ref reader, path.Length > 0 ? $"{path}.{key}" : key);
            }
        }
        else if (kind == JsonTokenType.StartArray)
        {
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray) elements.Add(Walk(ref reader, $"{path}[{elements.Count}]"));
        }

        span.End = _origin + (int)reader.BytesConsumed;
        return span;
    }

    private static string Named(JsonTokenType kind) => kind switch
    {
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.None => "empty",
        _ => kind.ToString().ToLowerInvariant(),
    };
}
