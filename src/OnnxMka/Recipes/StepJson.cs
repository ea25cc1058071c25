using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using OnnxMka.Bench;
using OnnxMka.Json;

namespace OnnxMka.Recipes;

/// <summary>
/// Steps as JSON: an object with one field, the kind's name, whose value has the options that are not as they are anyway.
/// <code>{ "drop": { "ratio": 0.25, "select": "bi" } }</code>
/// Words are those of the command line, joined by hyphens; one that a kind does not know is an error.
/// </summary>
internal sealed class StepJson : JsonConverter<Step>
{
    private readonly StepKinds _kinds;

    private StepJson(StepKinds kinds) => _kinds = kinds;

    /// <summary>How recipes are read and written with these kinds.</summary>
    public static JsonSerializerOptions Options(StepKinds kinds)
    {
        var options = new JsonSerializerOptions(JsonForm.Line)
        {
            PropertyNamingPolicy = JsonNamingPolicy.KebabCaseLower,
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            AllowDuplicateProperties = false,
        };
        // Words of choices are joined by hyphens here.
        options.Converters.Clear();
        options.Converters.Add(new StepJson(kinds));
        options.Converters.Add(new PlanConverter());
        options.Converters.Add(new DurationConverter());
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false));
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }

    /// <summary>The options of a step that are not as in one made without any.</summary>
    internal static JsonObject Written(object value, object plain, JsonSerializerOptions options)
    {
        var (all, defaults) = (Node(value), Node(plain));
        string[] settable = [.. options.GetTypeInfo(value.GetType()).Properties.Where(p => p.Set is not null).Select(p => p.Name)];
        foreach (var (name, usual) in defaults)
        {
            if (!settable.Contains(name) || JsonNode.DeepEquals(all[name], usual)) all.Remove(name);
        }

        return all;

        JsonObject Node(object source) => JsonSerializer.SerializeToNode(source, source.GetType(), options)!.AsObject();
    }

    public override bool CanConvert(Type typeToConvert) => typeToConvert == typeof(Step);

    /// <summary>Refuses (MKA066) as <see cref="OptionReader"/> does.</summary>
    public override Step Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        new OptionReader("a step", _kinds).Step(JsonNode.Parse(ref reader), "");

    public override void Write(Utf8JsonWriter writer, Step value, JsonSerializerOptions options)
    {
        var kind = _kinds.Of(value);
        var plain = Activator.CreateInstance(kind.Options)!;
        new JsonObject { [kind.Name] = Written(value, plain, options) }.WriteTo(writer, options);
    }
}
