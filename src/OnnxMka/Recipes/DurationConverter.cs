using System.Text.Json;
using System.Text.Json.Serialization;
using OnnxMka.Outcomes;

namespace OnnxMka.Recipes;

/// <summary>Times as people write them: 90s, 10m, 1h.</summary>
internal sealed class DurationConverter : JsonConverter<TimeSpan>
{
    public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && Durations.Parse(reader.GetString()!) is { } time
            ? time
            : throw new JsonException("a time is written such as 90s, 10m or 1h");

    public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) =>
        writer.WriteStringValue(Durations.Text(value));
}
