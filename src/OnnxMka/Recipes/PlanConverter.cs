using System.Text.Json;
using System.Text.Json.Serialization;
using OnnxMka.Planning;

namespace OnnxMka.Recipes;

/// <summary>A plan inside a recipe, as it stands in a plan file, and with the same checks.</summary>
internal sealed class PlanConverter : JsonConverter<MergePlan>
{
    public override MergePlan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        return PlanJson.Of(document.RootElement, "the recipe");
    }

    public override void Write(Utf8JsonWriter writer, MergePlan value, JsonSerializerOptions options) => PlanJson.WriteTo(writer, value);
}
