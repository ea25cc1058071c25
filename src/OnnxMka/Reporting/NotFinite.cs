using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using OnnxMka.Json;

namespace OnnxMka.Reporting;

/// <summary>
/// Numbers that JSON has no word for. In their place stands null, and <c>notFinite</c> says what it stands for, by JSON pointer:
/// <code>
/// { "metrics": [{ "value": null }], "notFinite": { "/metrics/0/value": "Infinity" } }
/// </code>
/// </summary>
internal static class NotFinite
{
    private const string Name = "notFinite";

    private static readonly JsonSerializerOptions Options = new(JsonForm.Indented) { Converters = { new Marked() } };

    /// <summary>A report's body as nodes.</summary>
    /// <param name="more">Fields behind those of the body.</param>
    public static IEnumerable<KeyValuePair<string, JsonNode?>> Object(object body, IEnumerable<KeyValuePair<string, object>> more)
    {
        var node = JsonSerializer.SerializeToNode(body, Options)!.AsObject();
        foreach (var (name, value) in more) node[name] = JsonSerializer.SerializeToNode(value, Options);
        var found = new JsonObject();
        Take(node, "", found);
        if (found.Count > 0) node[Name] = found;
        return [.. node];
    }

    /// <summary>A report with the words where the numbers would be, for people.</summary>
    public static JsonElement Shown(string json)
    {
        var report = JsonNode.Parse(json)!;
        foreach (var (pointer, word) in report[Name]?.AsObject().ToArray() ?? [])
        {
            var keys = pointer.Split('/').Skip(1).Select(Unescaped).ToArray();
            var holder = keys[..^1].Aggregate(report, (node, key) => (node is JsonArray list ? list[Place(key)] : node[key])!);
            if (holder is JsonArray array) array[Place(keys[^1])] = word!.DeepClone();
            else holder[keys[^1]] = word!.DeepClone();
        }

        return report.Deserialize<JsonElement>();

        static int Place(string key) => int.Parse(key, CultureInfo.InvariantCulture);
    }

    private static string Escaped(string key) =>
        key.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    private static string Unescaped(string key) =>
        key.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);

    private static void Take(JsonNode node, string pointer, JsonObject found)
    {
        var children = node is JsonObject named
            ? named.Select(p => (Pointer: $"{pointer}/{Escaped(p.Key)}", p.Value)).ToArray()
            : [.. node.AsArray().Select((value, i) => (Pointer: $"{pointer}/{i}", Value: value))];
        foreach (var (here, child) in children)
        {
            if (child is JsonObject or JsonArray) Take(child, here, found);
            else if (child is JsonValue value && Marked.Word(value.GetValue<JsonElement>()) is { } word) found[here] = word;
        }

        foreach (var child in children.Where(c => found.ContainsKey(c.Pointer))) child.Value!.ReplaceWith((JsonNode?)null);
    }

    /// <summary>Marks such a number by one that is written for no double.</summary>
    private sealed class Marked : JsonConverter<double>
    {
        private static readonly (double Value, string Mark, string Word)[] Marks =
            [
                (double.NaN, "0e999", "NaN"),
                (double.PositiveInfinity, "1e999", "Infinity"),
                (double.NegativeInfinity, "-1e999", "-Infinity"),
            ];

        public static string? Word(JsonElement value) =>
            value.ValueKind == JsonValueKind.Number ? Marks.FirstOrDefault(m => m.Mark == value.GetRawText()).Word : null;

        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
        {
            if (double.IsFinite(value)) writer.WriteNumberValue(value);
            else writer.WriteRawValue(Marks.First(m => m.Value.Equals(value)).Mark);
        }
    }
}
