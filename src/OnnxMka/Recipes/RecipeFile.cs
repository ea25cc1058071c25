using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMka.Bench;
using OnnxMka.Json;
using OnnxMka.Selection;

namespace OnnxMka.Recipes;

/// <summary>Recipes as text, JSON or YAML by the name of the file (docs/recipes.md).</summary>
public static class RecipeFile
{
    /// <summary>
    /// Above the orders of units of a hundred wide layers, which a decided merge holds; YAML and JSON take many times that in memory.
    /// </summary>
    private const int MostCharacters = 8 << 20;

    /// <summary>Recipes within recipes end before this.</summary>
    internal const int MostDepth = 64;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = MostDepth };

    /// <summary>Names that a recipe's file may end in.</summary>
    public static IReadOnlyList<string> Extensions { get; } = [".json", ".yaml", ".yml"];

    /// <summary>True for <c>.json</c>, <c>.yaml</c> and <c>.yml</c>.</summary>
    public static bool IsNamed(string name) => Extensions.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Reads a recipe of steps that come along. Refuses (MKA066) as <see cref="RecipeNode.Read"/> does, and text that is no JSON or YAML.
    /// </summary>
    /// <param name="text">The file's.</param>
    /// <param name="name">Tells its form; named in refusals.</param>
    public static Recipe Read(string text, string name) => Read(text, name, Kinds.BuiltIn, Selectors.BuiltIn);

    /// <inheritdoc cref="Read(string, string)"/>
    /// <param name="text">The file's.</param>
    /// <param name="name">Tells its form; named in refusals.</param>
    /// <param name="kinds">Steps that it may have.</param>
    /// <param name="selectors">What their <c>select</c> may be.</param>
    public static Recipe Read(string text, string name, StepKinds kinds, Selectors selectors) =>
        RecipeNode.Read(Node(text, name), name, kinds, selectors);

    /// <summary>What is not as it is anyway, in the form that the name tells.</summary>
    public static string Write(Recipe recipe, string name) => Write(recipe, name, Kinds.BuiltIn);

    /// <inheritdoc cref="Write(Recipe, string)"/>
    public static string Write(Recipe recipe, string name, StepKinds kinds)
    {
        var node = RecipeNode.Of(recipe, kinds);
        return IsJson(name) ? node.ToJsonString(JsonForm.Indented) + "\n" : YamlText.Of(node);
    }

    /// <summary>The text as nodes, whatever they hold: at most 8 MB, 64 deep, no name twice.</summary>
    internal static JsonNode? Node(string text, string name)
    {
        if (text.Length > MostCharacters) throw RecipeNode.Bad(name, "", $"it has more than {MostCharacters:N0} characters");
        text = text.TrimStart('\uFEFF');
        if (!IsJson(name)) return YamlNodes.Read(text, name);
        try
        {
            return JsonNode.Parse(text, documentOptions: Strict);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            // The others: a name or text with half a surrogate pair.
            throw RecipeNode.Bad(name, "", $"it is no JSON ({e.Message.Split('\n')[0].TrimEnd('.')})", e);
        }
    }

    private static bool IsJson(string name) => Path.GetExtension(name).Equals(".json", StringComparison.OrdinalIgnoreCase);
}
