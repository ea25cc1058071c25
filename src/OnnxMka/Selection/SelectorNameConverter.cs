using System.Text.Json;
using System.Text.Json.Serialization;

namespace OnnxMka.Selection;

/// <summary>
/// Names of selectors as reports have them, where all words are in camel case: <c>greedy-loss</c> is <c>greedyLoss</c> there.
/// </summary>
internal sealed class SelectorNameConverter : JsonConverter<string>
{
    public override string Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        JsonNamingPolicy.KebabCaseLower.ConvertName(reader.GetString() ?? throw new JsonException("the name of a selector is missing"));

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(Camel(value));

    private static string Camel(string name) =>
        string.Concat(name.Split('-').Select((word, i) => i == 0 || word.Length == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..]));
}
