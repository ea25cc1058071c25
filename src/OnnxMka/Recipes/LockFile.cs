using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMka.Bench;
using OnnxMka.Json;
using OnnxMka.Selection;

namespace OnnxMka.Recipes;

/// <summary>
/// A run as it was decided, to be run again to the same bytes: the recipe with every step decided, and SHA-256 of what went in and what
/// came out, by file name. Another processor may round otherwise; then the first hash that differs is named.
/// </summary>
/// <param name="Recipe">Nothing is left to choose.</param>
/// <param name="KeepNames">Names of nodes and weights keep the input's layer numbers.</param>
/// <param name="ExternalData">All weights lie in a data file.</param>
/// <param name="ExecutionProvider">Where it ran.</param>
/// <param name="Input">Model, data, tokenizer and calibration text.</param>
/// <param name="Output">Model and data of the result.</param>
public sealed record LockFile(
    Recipe Recipe,
    bool KeepNames,
    bool ExternalData,
    string ExecutionProvider,
    ImmutableSortedDictionary<string, string> Input,
    ImmutableSortedDictionary<string, string> Output)
{
    private const int Version = 1;

    /// <summary>A bare recipe, or that of a lock and the lock too. Refuses (MKA066) as both are refused.</summary>
    public static (Recipe Recipe, LockFile? Lock) ReadEither(string text, string name, StepKinds kinds, Selectors selectors)
    {
        var node = RecipeFile.Node(text, name);
        if (node is not JsonObject document || !document.ContainsKey("recipe"))
            return (RecipeNode.Read(node, name, kinds, selectors), null);
        var locked = Of(document, name, kinds, selectors);
        return (locked.Recipe, locked);
    }

    /// <summary>Refuses (MKA066) as a recipe is refused, and what is no lock.</summary>
    public static LockFile Read(string text, string name, StepKinds kinds, Selectors selectors) =>
        Of(RecipeFile.Node(text, name) as JsonObject ?? throw RecipeNode.Bad(name, "", "it is no lock"), name, kinds, selectors);

    private static LockFile Of(JsonObject document, string name, StepKinds kinds, Selectors selectors)
    {
        try
        {
            var recipe = RecipeNode.Read(document["recipe"], name, kinds, selectors);
            document.Remove("recipe");
            var rest = document.Deserialize<Document>(Options) ?? throw RecipeNode.Bad(name, "", "it is no lock");
            if (rest.Version != Version || rest.Input is null || rest.Output is null)
                throw RecipeNode.Bad(name, "version", $"it is no lock of version {Version}");
            return new LockFile(recipe, rest.KeepNames, rest.ExternalData, rest.ExecutionProvider ?? "", rest.Input, rest.Output);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw RecipeNode.Bad(name, "", $"it is no lock ({e.Message.Split('\n')[0].TrimEnd('.')})", e);
        }
    }

    /// <summary>As JSON, which <see cref="Read"/> takes.</summary>
    public string Write(StepKinds kinds)
    {
        var node = JsonSerializer.SerializeToNode(
            new Document(Version, KeepNames, ExternalData, ExecutionProvider, Input, Output), Options)!.AsObject();
        node.Insert(1, "recipe", RecipeNode.Of(Recipe, kinds));
        return node.ToJsonString(JsonForm.Indented) + "\n";
    }

    /// <summary>SHA-256 of files by their names, lower-case hex. Reads all of them.</summary>
    public static ImmutableSortedDictionary<string, string> Hashes(IEnumerable<string> paths) =>
        paths.Distinct(StringComparer.Ordinal).ToImmutableSortedDictionary(p => Path.GetFileName(p), Hash, StringComparer.Ordinal);

    /// <summary>Refuses (MKA068) an input that is not the one that was locked, naming the first file that differs.</summary>
    public void RequireInput(ImmutableSortedDictionary<string, string> found)
    {
        if (FirstDifference(Input, found) is { } name)
        {
            throw new RefusedException(
                "MKA068",
                name,
                "it is not what the lock was made with (SHA-256 differs, or the file is missing)",
                "Give the same model and text, or a recipe without hashes");
        }
    }

    /// <summary>The first file of the result that has other bytes than the locked one; null where all are the same.</summary>
    public string? OutputDifference(ImmutableSortedDictionary<string, string> found) => FirstDifference(Output, found);

    private static string? FirstDifference(
        ImmutableSortedDictionary<string, string> wanted, ImmutableSortedDictionary<string, string> found) =>
        wanted.Where(w => found.GetValueOrDefault(w.Key) != w.Value).Select(w => w.Key).FirstOrDefault();

    private static string Hash(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private static readonly JsonSerializerOptions Options = new(JsonForm.Indented)
    {
        PropertyNamingPolicy = JsonNamingPolicy.KebabCaseLower,
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
    };

    private sealed record Document(
        int Version,
        bool KeepNames,
        bool ExternalData,
        string? ExecutionProvider,
        ImmutableSortedDictionary<string, string>? Input,
        ImmutableSortedDictionary<string, string>? Output);
}
