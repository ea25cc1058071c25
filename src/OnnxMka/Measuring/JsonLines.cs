using System.Text.Json;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Measuring;

/// <summary>Files with one JSON object a line.</summary>
internal static class JsonLines
{
    /// <summary>
    /// Refuses (MKA072) a line that is no object, or that <paramref name="row"/> takes for none of its own with a FormatException; the line
    /// is named.
    /// </summary>
    public static List<T> Read<T>(TextSource source, Func<JsonElement, T> row)
    {
        var rows = new List<T>();
        var number = 0;
        foreach (var line in source.Text.Split('\n'))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            try
            {
                using var json = JsonDocument.Parse(line);
                if (json.RootElement.ValueKind != JsonValueKind.Object) throw new FormatException("it is no JSON object");
                rows.Add(row(json.RootElement));
            }
            catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
            {
                // InvalidOperationException: a key with half a surrogate pair.
                throw new RefusedException(
                    "MKA072",
                    $"{source.Name} line {number}",
                    e is FormatException ? e.Message : "it is no JSON object",
                    "See docs/evaluation.md for the layout",
                    e);
            }
        }

        return rows;
    }
}
