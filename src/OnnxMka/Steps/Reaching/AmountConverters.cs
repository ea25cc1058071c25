using System.Text.Json;
using System.Text.Json.Serialization;
using OnnxMka.Outcomes;

namespace OnnxMka.Steps.Reaching;

/// <summary>A number of bytes, or a size such as 600MB.</summary>
internal sealed class BytesConverter : JsonConverter<long>
{
    public override long Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.Number when reader.TryGetInt64(out var number) => number,
        JsonTokenType.String when Amounts.Bytes(reader.GetString()!) is { } size => size,
        _ => throw new JsonException("a size is a number of bytes, or one such as 600MB or 8GiB"),
    };

    public override void Write(Utf8JsonWriter writer, long value, JsonSerializerOptions options) => writer.WriteNumberValue(value);
}

/// <summary>A share, or one in percent, such as 10%.</summary>
internal sealed class ShareConverter : JsonConverter<double>
{
    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.Number when reader.TryGetDouble(out var number) => number,
        JsonTokenType.String when Amounts.Share(reader.GetString()!) is { } share => share,
        _ => throw new JsonException("a share is a number such as 0.1, or 10%"),
    };

    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) => writer.WriteNumberValue(value);
}
