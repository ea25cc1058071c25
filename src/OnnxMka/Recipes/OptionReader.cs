using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using OnnxMka.Bench;
using OnnxMka.Outcomes;

namespace OnnxMka.Recipes;

/// <summary>Records of options out of JSON nodes. Whatever does not fit is refused (MKA066) with its place.</summary>
/// <param name="name">The file's; named in refusals.</param>
/// <param name="kinds">Steps that there are.</param>
internal sealed class OptionReader(string name, StepKinds kinds)
{
    private readonly JsonSerializerOptions _options = StepJson.Options(kinds);

    public T Read<T>(JsonNode? node, string place) => (T)Read(typeof(T), node, place);

    /// <summary>An object with one field, the kind's name, whose value has its options, or nothing.</summary>
    public Step Step(JsonNode? node, string place)
    {
        if (node is not JsonObject { Count: 1 } fields)
            throw Bad(place, "a step is its kind's name with its options, such as drop: { ratio: 0.25 }");
        var (word, value) = fields.Single();
        var kind = kinds.Named(word)
            ?? throw Bad(place, $"there is no step '{word}'; the kinds are {string.Join(", ", kinds.All.Select(k => k.Name))}");
        return (Step)Read(kind.Options, value ?? new JsonObject(), Below(place, word));
    }

    private object Read(Type type, JsonNode? node, string place)
    {
        if (node is not JsonObject fields) throw Bad(place, $"{Said(node)} is no mapping of words to values");
        JsonPropertyInfo[] known = [.. _options.GetTypeInfo(type).Properties.Where(p => p.Set is not null)];
        var value = Activator.CreateInstance(type)!;
        foreach (var (word, field) in fields)
        {
            var option = Array.Find(known, p => p.Name == word)
                ?? throw Bad(place, $"there is no word '{word}' here; the words are {string.Join(", ", known.Select(p => p.Name))}");
            option.Set!(value, Value(type, option, field, Below(place, word)));
        }

        return value;
    }

    private object? Value(Type owner, JsonPropertyInfo option, JsonNode? node, string place)
    {
        if (node is null) throw Bad(place, "it has no value");
        if (option.PropertyType == typeof(ImmutableArray<Step>))
        {
            if (node is not JsonArray steps) throw Bad(place, $"{Said(node)} is no list of steps");
            return steps.Select((step, i) => Step(step, $"{place}[{i}]")).ToImmutableArray();
        }

        var type = Nullable.GetUnderlyingType(option.PropertyType) ?? option.PropertyType;
        if (_options.GetTypeInfo(type).Kind == JsonTypeInfoKind.Object) return Read(type, node, place);
        if (type.IsEnum && !(Text(node) is { } word && Words(type).Contains(word)))
            throw Bad(place, $"{Said(node)} is none of {string.Join(", ", Words(type))}");
        var value = Converted(owner, option, type, node, place);
        if (Bounds(option) is { } bounds && !bounds.Has(Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture)))
            throw Bad(place, $"it is {Said(node)}; it must be {bounds}");
        return value is double number && !double.IsFinite(number) ? throw Bad(place, $"{Said(node)} is no finite number") : value;
    }

    /// <summary>As the option's own converter reads it, and its setter takes it.</summary>
    private object? Converted(Type owner, JsonPropertyInfo option, Type type, JsonNode node, string place)
    {
        try
        {
            return option.Get!(new JsonObject { [option.Name] = node.DeepClone() }.Deserialize(owner, _options)!);
        }
        catch (JsonException e)
        {
            throw Bad(
                place,
                option.CustomConverter is null && Expected(type) is { } expected
                    ? $"{Said(node)} is not {expected}"
                    : e.Message.Split(" Path: ")[0].TrimEnd('.'),
                e);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw Bad(place, e.Message.Split('(')[0].Trim().TrimEnd('.'), e);
        }
        catch (RefusedException e)
        {
            throw Bad(place, e.Refusal.What, e);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // Text with half a surrogate pair, which stands for no characters.
            throw Bad(place, "it is no text", e);
        }
    }

    /// <summary>What the option must be; null where its converter says so itself.</summary>
    private static string? Expected(Type type) => Type.GetTypeCode(type) switch
    {
        TypeCode.Boolean => "true or false",
        TypeCode.Int32 => "a whole number of 32 bits",
        TypeCode.String => "text",
        TypeCode.Double => "a number",
        _ => null,
    };

    internal static BoundsAttribute? Bounds(JsonPropertyInfo option) =>
        option.AttributeProvider?.GetCustomAttributes(typeof(BoundsAttribute), inherit: true).OfType<BoundsAttribute>().FirstOrDefault();

    /// <summary>An enumeration's values as they are written.</summary>
    internal static IEnumerable<string> Words(Type choice) => Enum.GetNames(choice).Select(JsonNamingPolicy.KebabCaseLower.ConvertName);

    /// <summary>Null where it is no text, or one with half a surrogate pair, which stands for no characters.</summary>
    private static string? Text(JsonNode node)
    {
        try
        {
            return node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static string Said(JsonNode? node) => node switch
    {
        null => "nothing",
        JsonObject => "a mapping",
        JsonArray => "a list",
        _ => node.GetValueKind() == JsonValueKind.String ? $"'{Text(node)}'" : node.ToJsonString(),
    };

    private static string Below(string place, string word) => place.Length == 0 ? word : $"{place}.{word}";

    private RefusedException Bad(string place, string what, Exception? inner = null) => RecipeNode.Bad(name, place, what, inner);
}
