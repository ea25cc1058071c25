using System.Globalization;
using System.Text.Json;
using OnnxMka.Planning;

namespace OnnxMka.Emission;

/// <summary>What happens to the layer numbers of one configuration file: the edits that every kind of file shares, each told as a change.</summary>
internal sealed class LayerEdits(JsonText json, string file, MergePlan plan, List<ConfigChange> changes)
{
    public JsonText Json { get; } = json;

    public string File { get; } = file;

    /// <summary>Layers before.</summary>
    public int Before { get; } = plan.LayerCount;

    /// <summary>Old numbers of the layers that stay (of halves: whose attention does), ascending; the new number is the place.</summary>
    public int[] Kept { get; } = [.. plan.KeptLayers];

    public void Tell(string path, string change) => changes.Add(new ConfigChange(File, path, change));

    public void Warn(string path, string what) => changes.Add(new ConfigChange(File, path, what, IsWarning: true));

    /// <summary>A number of layers. One that was not true before is left alone.</summary>
    public void Count(string path, JsonSpan span)
    {
        if (Json.Integer(path) is not { } count)
        {
            Warn(path, $"is {Json.Text(span)}, which is no number of layers; left alone");
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

    /// <summary>A list of layer numbers: those that stay, under their new numbers.</summary>
    public void Indices(string path, JsonSpan span)
    {
        var old = span.Elements.Select(e => e.Kind == JsonTokenType.Number && int.TryParse(Json.Text(e), CultureInfo.InvariantCulture, out var i) ? i : -1).ToArray();
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
        var text = Json.Text(span);
        if (span.Kind != JsonTokenType.String || text.Length != Before + 2 || text.Contains('\\', StringComparison.Ordinal))
        {
            Warn(path, $"is {Shortened(text)}, not a letter for each of {Before} layers; left alone");
            return;
        }

        var letters = string.Concat(Kept.Select(i => text[i + 1]));
        Json.Replace(span, $"\"{letters}\"");
        Tell(path, $"{text} -> \"{letters}\"");
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
        var old = Json.Text(span);
        var text = value.ToString(CultureInfo.InvariantCulture);
        if (old == text) return;
        Json.Replace(span, text);
        Tell(path, $"{old} -> {text}");
    }

    public static string Listed(IEnumerable<int> numbers) => string.Join(", ", numbers);

    private static string Shortened(string text) => text.Length <= 60 ? text.ReplaceLineEndings(" ") : text[..57].ReplaceLineEndings(" ") + "...";
}
