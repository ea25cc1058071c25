using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace OnnxMka.Recipes;

/// <summary>
/// YAML as JSON nodes, plain words by the core schema of YAML 1.2: <c>yes</c> is text. What JSON has no word for is refused (MKA066):
/// anchors and aliases, tags, keys that are no words, a key twice, a second document, numbers that are not finite.
/// </summary>
internal static partial class YamlNodes
{
    private static readonly string[] Nulls = ["", "~", "null", "Null", "NULL"];
    private static readonly string[] Trues = ["true", "True", "TRUE"];
    private static readonly string[] Falses = ["false", "False", "FALSE"];

    public static JsonNode? Read(string text, string name)
    {
        try
        {
            using var reader = new StringReader(text);
            var events = new Parser(new Scanner(reader, skipComments: true));
            Next<StreamStart>(events);
            if (events.Current is StreamEnd) return null;
            Next<DocumentStart>(events);
            var node = Node(events, name, 0);
            Next<DocumentEnd>(events);
            return events.Current is StreamEnd ? node : throw Bad(name, events.Current!, "a second document begins; a recipe is one");
        }
        catch (YamlException e)
        {
            throw RecipeNode.Bad(name, $"line {e.Start.Line}", $"it is no YAML ({e.Message.Split('\n')[0].TrimEnd('.')})", e);
        }
        catch (InvalidOperationException e)
        {
            // The scanner's word for some damage.
            throw RecipeNode.Bad(name, "", "it is no YAML", e);
        }
    }

    /// <summary>True where a plain word is text, and neither a number nor true, false or null.</summary>
    internal static bool IsText(string word) =>
        !Nulls.Contains(word) && !Trues.Contains(word) && !Falses.Contains(word) && !NumberWord().IsMatch(word);

    private static void Next<T>(IParser events)
        where T : ParsingEvent
    {
        if (events.Current is null) events.MoveNext();
        if (events.Current is not T) throw new YamlException(events.Current!.Start, events.Current.End, $"a {typeof(T).Name} was expected");
        events.MoveNext();
    }

    /// <summary>The node that begins here; the parser stands behind it then.</summary>
    private static JsonNode? Node(IParser events, string name, int depth)
    {
        var begin = events.Current!;
        if (depth > RecipeFile.MostDepth) throw Bad(name, begin, $"it is more than {RecipeFile.MostDepth} deep");
        if (begin is AnchorAlias) throw Bad(name, begin, "aliases are not for recipes: write it out");
        if (begin is not NodeEvent node) throw Bad(name, begin, "a value was expected");
        if (!node.Anchor.IsEmpty) throw Bad(name, begin, "anchors are not for recipes");
        if (!node.Tag.IsEmpty) throw Bad(name, begin, "tags are not for recipes");
        events.MoveNext();
        return begin switch
        {
            Scalar scalar => Value(scalar, name),
            SequenceStart => List(events, name, depth),
            _ => Mapping(events, name, depth),
        };
    }

    private static JsonArray List(IParser events, string name, int depth)
    {
        var list = new JsonArray();
        while (events.Current is not SequenceEnd) list.Add(Node(events, name, depth + 1));
        events.MoveNext();
        return list;
    }

    private static JsonObject Mapping(IParser events, string name, int depth)
    {
        var mapping = new JsonObject();
        while (events.Current is not MappingEnd)
        {
            if (events.Current is not Scalar { Anchor.IsEmpty: true, Tag.IsEmpty: true } key)
                throw Bad(name, events.Current!, "a key is a plain word");
            events.MoveNext();
            if (!mapping.TryAdd(key.Value, Node(events, name, depth + 1))) throw Bad(name, key, $"'{key.Value}' stands here twice");
        }

        events.MoveNext();
        return mapping;
    }

    private static JsonNode? Value(Scalar scalar, string name)
    {
        var word = scalar.Value;
        if (scalar.Style != ScalarStyle.Plain) return JsonValue.Create(word);
        if (Nulls.Contains(word)) return null;
        if (Trues.Contains(word)) return JsonValue.Create(true);
        if (Falses.Contains(word)) return JsonValue.Create(false);
        if (!NumberWord().IsMatch(word)) return JsonValue.Create(word);
        // As it is written where JSON writes it so too: 1.0 is no whole number there either.
        if (JsonNumber().IsMatch(word)) return JsonNode.Parse(word);
        if (word.StartsWith("0x", StringComparison.Ordinal)
            && long.TryParse(word[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hex))
            return JsonValue.Create(hex);
        if (word.StartsWith("0o", StringComparison.Ordinal) && word.Length <= 22) return JsonValue.Create(Convert.ToInt64(word[2..], 8));
        if (long.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)) return JsonValue.Create(whole);
        return double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? JsonValue.Create(number)
            : throw Bad(name, scalar, $"{word} is no number that a recipe can hold");
    }

    private static RefusedException Bad(string name, ParsingEvent there, string what) =>
        RecipeNode.Bad(name, $"line {there.Start.Line}", what);

    [GeneratedRegex(
        @"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+|"
            + @"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\z",
        RegexOptions.CultureInvariant,
        Timeout.Infinite)]
    private static partial Regex NumberWord();

    [GeneratedRegex(@"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\z", RegexOptions.CultureInvariant, Timeout.Infinite)]
    private static partial Regex JsonNumber();
}
