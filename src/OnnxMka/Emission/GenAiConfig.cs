using System.Text.Json;
using System.Text.RegularExpressions;
using OnnxMka.Json;
using OnnxMka.Outcomes;

namespace OnnxMka.Emission;

/// <summary>
/// The rules of <c>genai_config.json</c>. Only <c>model.decoder</c> speaks of the decoder's layers; encoder, vision, speech and mtp have
/// layers of their own.
/// </summary>
internal static partial class GenAiConfig
{
    private const string Decoder = "model.decoder.";

    /// <summary>The decoder's layers; null where they are not told.</summary>
    public static long? Count(JsonText json) => json.Integer(Decoder + "num_hidden_layers");

    public static void Rewrite(LayerEdits edits, ModelNames names, PortNames ports)
    {
        foreach (var (path, span) in edits.Json.Values.Where(v => v.Key.StartsWith(Decoder, StringComparison.Ordinal)))
        {
            switch (path[Decoder.Length..])
            {
                case "filename":
                    FileNameOf(edits, path, span, names.New);
                    break;
                case var key when StageFile().IsMatch(key) && Names(edits, span, names.Old):
                    FileNameOf(edits, path, span, names.New);
                    break;
                case "num_hidden_layers":
                    edits.Count(path, span);
                    break;
                case "sliding_window.layers":
                    edits.Indices(path, span);
                    break;
                case "layer_types":
                    edits.Entries(path, span);
                    break;
                case var key when StageList().Match(key) is { Success: true } list:
                    StagePorts(edits, path, span, list.Groups["stage"].Value, names.Old, ports);
                    break;
                case var key when MentionsLayers(key) && span.Kind is JsonTokenType.Number or JsonTokenType.StartArray:
                    edits.Warn(path, "mentions layers and is not understood; left alone");
                    break;
            }
        }
    }

    /// <summary>Keys below the decoder that no rule covers; entries of lists are covered with their list.</summary>
    private static bool MentionsLayers(string key) =>
        key.Contains("layer", StringComparison.Ordinal) && !key.Contains('[', StringComparison.Ordinal);

    private static void FileNameOf(LayerEdits edits, string path, JsonSpan span, string modelFileName)
    {
        if (Names(edits, span, modelFileName) || edits.Json.SetString(span, modelFileName) is null) return;
        edits.Tell(path, $"-> {modelFileName}");
    }

    /// <summary>
    /// Stages of a pipeline list their ports by name, every cache among them. Refuses layers that lie in other files as well: the
    /// stages would not fit together.
    /// </summary>
    private static void StagePorts(LayerEdits edits, string path, JsonSpan span, string stage, string ownFile, PortNames ports)
    {
        var old = span.Elements.Select(e => edits.Json.String(e) ?? "").ToArray();
        if (!old.Any(ports.Changes)) return;
        var stagePath = path[..path.LastIndexOf('.')];
        if (edits.Json.Find($"{stagePath}.filename") is { } file && Names(edits, file, ownFile))
        {
            var kept = Enumerable.Range(0, old.Length).Where(i => ports.New(old[i]) is not null).ToArray();
            Func<int, string> text = i => ports.Changes(old[i]) ? JsonForm.Quoted(ports.New(old[i])!) : edits.Json.Text(span.Elements[i]);
            edits.Json.KeepElements(span, kept, text);
            edits.Tell(path, $"{old.Length} -> {kept.Length} names");
            return;
        }

        throw new RefusedException(
            "MKA052",
            edits.File,
            $"stage '{stage}' of the pipeline is another file and has caches of the same layers ({old.First(ports.Changes)})",
            "Decoders that are split or kept twice (prompt and token graphs) cannot be shortened one file at a time; "
                + "start from the model before it was split");
    }

    /// <summary>True for a file by its path in the folder, however that is spelled.</summary>
    private static bool Names(LayerEdits edits, JsonSpan span, string file)
    {
        var name = edits.Json.String(span)?.Replace('\\', '/');
        while (name?.StartsWith("./", StringComparison.Ordinal) == true) name = name[2..];
        return name == file;
    }

    [GeneratedRegex(@"^pipeline\[[0-9]+\]\.[^.]+\.filename$", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex StageFile();

    [
        GeneratedRegex(
            @"^pipeline\[[0-9]+\]\.(?<stage>[^.]+)\.(inputs|outputs)$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000),
    ]
    private static partial Regex StageList();
}
