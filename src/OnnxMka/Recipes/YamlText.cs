using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using OnnxMka.Json;

namespace OnnxMka.Recipes;

/// <summary>
/// JSON nodes as YAML for people: a word a line, lists of plain values in one, text quoted where it could be taken for something else.
/// </summary>
internal static partial class YamlText
{
    public static string Of(JsonObject node)
    {
        var text = new StringBuilder();
        Fields(text, node, 0, isFirstIndented: true);
        return text.ToString();
    }

    private static void Fields(StringBuilder text, JsonObject node, int indent, bool isFirstIndented)
    {
        foreach (var (word, value) in node)
        {
            if (isFirstIndented) text.Append(' ', indent);
            isFirstIndented = true;
            text.Append(Word(word)).Append(':');
            Value(text, value, indent);
        }
    }

    /// <summary>What follows the colon, to the end of its last line.</summary>
    private static void Value(StringBuilder text, JsonNode? value, int indent)
    {
        switch (value)
        {
            case JsonObject { Count: > 0 } fields:
                text.Append('\n');
                Fields(text, fields, indent + 2, isFirstIndented: true);
                break;
            case JsonArray list when list.Any(item => item is JsonObject or JsonArray):
                text.Append('\n');
                foreach (var item in list)
                {
                    text.Append(' ', indent + 2).Append('-');
                    if (item is JsonObject { Count: > 0 } entry) Fields(text.Append(' '), entry, indent + 4, isFirstIndented: false);
                    else text.Append(' ').Append(Inline(item)).Append('\n');
                }

                break;
            default:
                text.Append(' ').Append(Inline(value)).Append('\n');
                break;
        }
    }

    /// <summary>In one line. Lists of lists are in JSON's form, which is YAML's too.</summary>
    private static string Inline(JsonNode? value) => value switch
    {
        null => "null",
        JsonArray list => $"[{string.Join(", ", list.Select(Inline))}]",
        JsonObject fields => $"{{{string.Join(", ", fields.Select(f => $"{Word(f.Key)}: {Inline(f.Value)}"))}}}",
        _ => value.GetValueKind() == JsonValueKind.String ? Word(value.GetValue<string>()) : value.ToJsonString(),
    };

    /// <summary>Quoted as in JSON, but for breaks of lines that only YAML knows: these are escaped.</summary>
    private static string Word(string word) => PlainWord().IsMatch(word) && YamlNodes.IsText(word)
        ? word
        : Special().Replace(JsonForm.Quoted(word), m => $"\\u{(int)m.Value[0]:x4}");

    [GeneratedRegex(@"^[A-Za-z0-9_./][A-Za-z0-9_./-]*\z", RegexOptions.CultureInvariant, Timeout.Infinite)]
    private static partial Regex PlainWord();

    [GeneratedRegex("[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]", RegexOptions.CultureInvariant, Timeout.Infinite)]
    private static partial Regex Special();
}
