using System.Globalization;
using System.Text.Json;
using OnnxMka.Inputs;
using OnnxMka.Json;

namespace OnnxMka.Emission;

/// <summary>
/// <c>transformers.js_config.use_external_data_format</c>: how many data files a model has, for every model of the folder at once or by
/// file. It must be true for the model as written.
/// </summary>
internal static class TransformersJs
{
    public const string Section = "transformers.js_config";

    private const string Key = Section + ".use_external_data_format";

    /// <summary>Brings the entry of one model in line with its data files.</summary>
    /// <param name="model">Path of the model as written; its folder holds the other models of the repository.</param>
    public static byte[] Rewrite(byte[] bytes, string model, int dataFiles, List<ConfigChange> changes)
    {
        var json = JsonText.Parse(bytes, ConfigPlaces.HuggingFace);
        if (json.Find(Section) is not { Kind: JsonTokenType.StartObject }) return bytes;
        var name = Path.GetFileName(model);
        if (json.Find(Key) is not { } value) return dataFiles == 0 ? bytes : Added(json, name, dataFiles, changes);
        if (value.Kind != JsonTokenType.StartObject) return Shared(json, value, model, dataFiles, changes);
        var (stem, ownStem) = (Path.GetFileNameWithoutExtension(name), Precisions.Base(Path.GetFileNameWithoutExtension(name)));
        var entry = new[] { name, stem, ownStem }.Select(n => json.Find($"{Key}.{n}")).FirstOrDefault(e => e is not null);
        if (entry is null ? dataFiles == 0 : Chunks(json.Text(entry)) == dataFiles) return bytes;
        if (entry is null) json.InsertAfterOpening(value, $"{JsonForm.Quoted(name)}: {dataFiles}");
        else json.Replace(entry, Number(dataFiles));
        changes.Add(
            new ConfigChange(ConfigPlaces.HuggingFace, Key, $"{name}: {(entry is null ? 0 : Chunks(json.Text(entry)))} -> {dataFiles}"));
        return json.ToBytes();
    }

    private static byte[] Added(JsonText json, string name, int dataFiles, List<ConfigChange> changes)
    {
        json.InsertAfterOpening(json.Find(Section)!, $"\"use_external_data_format\": {{{JsonForm.Quoted(name)}: {dataFiles}}}");
        changes.Add(new ConfigChange(ConfigPlaces.HuggingFace, Key, $"{name}: {dataFiles}"));
        return json.ToBytes();
    }

    /// <summary>One value for all models of the folder; where they differ it becomes an entry a model.</summary>
    private static byte[] Shared(JsonText json, JsonSpan value, string model, int dataFiles, List<ConfigChange> changes)
    {
        if (Chunks(json.Text(value)) == dataFiles) return json.ToBytes();
        var models = Directory.GetFiles(Path.GetDirectoryName(model)!, "*.onnx").Order(StringComparer.Ordinal).ToArray();
        var entries = models.Select(m => $"{JsonForm.Quoted(Path.GetFileName(m))}: {(m == model ? dataFiles : DataFilesOf(m))}");
        var text = models.Length == 1 ? Number(dataFiles) : $"{{{string.Join(", ", entries)}}}";
        changes.Add(new ConfigChange(ConfigPlaces.HuggingFace, Key, $"{json.Text(value)} -> {text}"));
        json.Replace(value, text);
        return json.ToBytes();
    }

    private static int DataFilesOf(string model) =>
        Directory.GetFiles(Path.GetDirectoryName(model)!, Path.GetFileName(model) + "_data*").Length;

    /// <summary><c>true</c> means one file.</summary>
    private static int Chunks(string value) => value switch
    {
        "true" => 1,
        _ => int.TryParse(value, CultureInfo.InvariantCulture, out var count) ? count : 0,
    };

    private static string Number(int dataFiles) =>
        dataFiles switch { 0 => "false", 1 => "true", _ => dataFiles.ToString(CultureInfo.InvariantCulture) };
}

/// <summary>The same model at several precisions, side by side: <c>model.onnx</c>, <c>model_q4.onnx</c>, <c>model_fp16.onnx</c>.</summary>
internal static class Precisions
{
    private static readonly string[] Suffixes =
    [
        "_q4f16", "_q2f16", "_q1f16", "_quantized", "_fp16", "_int8", "_uint8", "_bnb4", "_q8", "_q4", "_q2", "_q1",
    ];

    /// <summary>A file's stem without the precision.</summary>
    public static string Base(string stem) =>
        Suffixes.FirstOrDefault(s => stem.EndsWith(s, StringComparison.Ordinal)) is { } suffix ? stem[..^suffix.Length] : stem;

    /// <summary>True for another file of the same network, in the same folder.</summary>
    public static bool AreOne(string a, string b) =>
        a != b
            && Path.GetDirectoryName(a) == Path.GetDirectoryName(b)
            && Base(Path.GetFileNameWithoutExtension(a)) == Base(Path.GetFileNameWithoutExtension(b));
}
