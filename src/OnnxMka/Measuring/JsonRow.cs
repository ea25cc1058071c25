using System.Collections.Immutable;
using System.Text.Json;

namespace OnnxMka.Measuring;

/// <summary>Fields of one row. Each says in a FormatException what is wrong with it.</summary>
internal static class JsonRow
{
    public static JsonElement Field(JsonElement row, string name) =>
        row.TryGetProperty(name, out var value) ? value : throw new FormatException($"{name} is missing");

    public static string Text(JsonElement row, string name) => Text(Field(row, name), name, "no text");

    public static ImmutableArray<string> Texts(JsonElement row, string name)
    {
        var value = Field(row, name);
        return value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(v => Text(v, name, "no array of texts"))]
            : throw new FormatException($"{name} is no array");
    }

    /// <summary>Escapes can write what a file's own bytes may not hold.</summary>
    private static string Text(JsonElement value, string name, string otherwise)
    {
        if (value.ValueKind != JsonValueKind.String) throw new FormatException($"{name} is {otherwise}");
        string text;
        try
        {
            text = value.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new FormatException($"{name} holds half a surrogate pair", e);
        }

        return text.Contains('\0', StringComparison.Ordinal)
            ? throw new FormatException($"{name} holds a NUL, at which the tokenizer would take it to end")
            : text;
    }
}
