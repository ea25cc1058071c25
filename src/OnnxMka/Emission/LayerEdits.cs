using System.Text.Json;
using OnnxMka.Json;
using OnnxMka.Planning;

namespace OnnxMka.Emission;

/// <summary>
/// What happens to the layer numbers of one configuration file: the edits that every kind of file shares, each told as a change.
/// </summary>
internal sealed class LayerEdits(JsonText json, string file, MergePlan plan, List<ConfigChange> changes)
{
    public JsonText Json { get; } = json;

    public string File { get; } = file;

    /// <summary>Layers before, as the file counts them.</summary>
    public int Before { get; init; } = plan.LayerCount;

    /// <summary>Old numbers of the layers that stay (of halves: whose attention does), ascending; the new number is the place.</summary>
    public int[] Kept { get; init; } = [.. plan.KeptLayers];

    /// <summary>Paths that a rule was written out to, or warned of: no other speaks of them.</summary>
    public HashSet<string> Written { get; } = new(StringComparer.Ordinal);

    public void Tell(string path, string change) => changes.Add(new ConfigChange(File, path, change));

    public void Warn(string path, string what) => changes.Add(new ConfigChange(File, path, what, IsWarning: true));

    /// <summary>A number of layers. One that was not true before is left alone.</summary>
    public void Count(string path, JsonSpan span)
    {
        if (Json.Integer(span) is not { } count)
        {
            Warn(path, $"is {Shortened(Json.Text(span))}, which is no number of layers; left alone");
            return;
        }

        if (count == Before) Set(path, span, Kept.Length);
        else Warn(path, $"says {count} layers and the model has {Before}; left alone");
    }

    /// <summary>An array with an entry a layer keeps those of the layers that stay.</summary>
    public void Entries(string path, JsonSpan span)
    {
        if (span.Elements.Count != Before)
        {
            Warn(path, $"has {span.Elements.Count} entries and the model {Before} layers; left alone");
            return;
        }

        Json.KeepElements(span, Kept);
        Tell(path, $"keeps the entries of layers {Listed(Kept)}");
    }

    /// <summary>
    /// An array that the layers go through again and again; where those that stay no longer do, an entry for each of them.
    /// </summary>
    public void Pattern(string path, JsonSpan span)
    {
        var length = span.Elements.Count;
        if (Kept.Select((old, now) => (old - now) % length == 0).All(same => same)) return;
        Json.KeepElements(span, Kept.Select(i => i % length));
        Tell(path, $"written out for layers {Listed(Kept)}");
    }

    /// <summary>A list of layer numbers: those that stay, under their new numbers.</summary>
    public void Indices(string path, JsonSpan span)
    {
        var old = span.Elements.Select(e => Json.Integer(e) is >= 0 and <= int.MaxValue and var i ? (int)i : -1).ToArray();
        if (old.Any(i => i < 0 || i >= Before))
        {
            Warn(path, $"is {Shortened(Json.Text(span))}, not a list of layers 0 to {Before - 1}; left alone");
            return;
        }

        var mapped = old.Select(i => Array.IndexOf(Kept, i)).Where(i => i >= 0).ToArray();
        if (mapped.SequenceEqual(old)) return;
        Json.Replace(span, $"[{Listed(mapped)}]");
        Tell(path, $"[{Listed(old)}] -> [{Listed(mapped)}]");
    }

    /// <summary>A string with a letter a layer.</summary>
    public void Letters(string path, JsonSpan span)
    {
        if (Json.String(span) is not { } letters || letters.Length != Before)
        {
            Warn(path, $"is {Shortened(Json.Text(span))}, not a letter for each of {Before} layers; left alone");
            return;
        }

        if (Json.SetString(span, string.Concat(Kept.Select(i => letters[i]))) is { } text) Tell(path, $"{Json.Text(span)} -> {text}");
    }

    /// <summary>A number n that means the layers below n: as many of them as stay.</summary>
    public void FirstLayers(string path, JsonSpan span)
    {
        // Beyond the last layer it goes on to mean all or none of them.
        if (Json.Integer(path) is >= 0 and var limit && limit <= Before) Set(path, span, Kept.Count(i => i < limit));
    }

    /// <summary>A number n that means the last n layers.</summary>
    public void LastLayers(string path, JsonSpan span)
    {
        if (Json.Integer(path) is >= 0 and var limit && limit <= Before) Set(path, span, Kept.Count(i => i >= Before - limit));
    }

    public void Set(string path, JsonSpan span, int value)
    {
        if (Json.SetInteger(span, value) is { } text) Tell(path, $"{Json.Text(span)} -> {text}");
    }

    public static string Listed(IEnumerable<int> numbers) => string.Join(", ", numbers);

    private static string Shortened(string text) =>
        text.Length <= 60 ? text.ReplaceLineEndings(" ") : text[..57].ReplaceLineEndings(" ") + "...";
}
