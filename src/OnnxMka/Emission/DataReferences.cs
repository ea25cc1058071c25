using System.Text.Json;
using System.Text.RegularExpressions;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Json;

namespace OnnxMka.Emission;

/// <summary>
/// What configuration says about data files, known only once these are written: their number (<c>use_external_data_format</c>), and
/// offsets of tensors that runtimes map themselves (<c>shared_initializers</c>).
/// </summary>
internal static partial class DataReferences
{
    /// <summary>Changes the configuration files of a staged model, where there are any.</summary>
    /// <param name="folder">The staged folder.</param>
    public static void Patch(string folder, string model, int dataFiles, List<ConfigChange> changes)
    {
        foreach (var place in ConfigPlaces.FoldersOf(Path.GetRelativePath(folder, model)).Select(f => Path.Combine(folder, f)))
        {
            Patch(Path.Combine(place, ConfigPlaces.HuggingFace), bytes => TransformersJs.Rewrite(bytes, model, dataFiles, changes));
            Patch(Path.Combine(place, ConfigPlaces.GenAi), bytes => SharedInitializers(bytes, model, changes));
        }
    }

    private static void Patch(string file, Func<byte[], byte[]> change)
    {
        if (!File.Exists(file)) return;
        var before = JsonText.ReadBytes(file);
        var after = change(before);
        if (!ReferenceEquals(before, after)) WholeFile.Write(file, after);
    }

    /// <summary>Refuses an entry whose tensor the new model does not have in a data file.</summary>
    internal static byte[] SharedInitializers(byte[] bytes, string modelPath, List<ConfigChange> changes)
    {
        var json = JsonText.Parse(bytes, ConfigPlaces.GenAi);
        var entries = json.Values.Where(v => Entry().IsMatch(v.Key) && v.Value.Kind == JsonTokenType.StartObject).ToArray();
        if (entries.Length == 0) return bytes;
        var tensors = OnnxModel.Load(modelPath).Graph.Initializers;
        foreach (var (path, _) in entries)
        {
            var name = json.String(json.Find($"{path}.name")) ?? "";
            if (!tensors.TryGetValue(name, out var tensor) || tensor is not { Location: { } location, Content: FileRange range })
            {
                throw new RefusedException(
                    "MKA053",
                    ConfigPlaces.GenAi,
                    $"{path} names the tensor '{name}', which the new model has not in a data file",
                    "Try --keep-names or --external-data, or remove the entry");
            }

            Tell($"{path}.offset", span => json.SetInteger(span, range.Offset));
            Tell($"{path}.length", span => json.SetInteger(span, range.Length));
            Tell($"{path}.data_file", span => json.SetString(span, location));
        }

        return json.ToBytes();

        void Tell(string path, Func<JsonSpan, string?> set)
        {
            if (json.Find(path) is not { } span || set(span) is not { } text) return;
            changes.Add(new ConfigChange(ConfigPlaces.GenAi, path, $"{json.Text(span)} -> {text}"));
        }
    }

    [
        GeneratedRegex(
            @"^model\.(decoder|mtp)\.shared_initializers\[[0-9]+\]$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000),
    ]
    private static partial Regex Entry();
}
