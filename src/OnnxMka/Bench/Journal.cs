using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using OnnxMka.Graph;
using OnnxMka.Json;
using OnnxMka.Outcomes;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Bench;

/// <summary>
/// What a search has found, in a file (<c>--resume FILE</c>): losses of what was tried, and the rounds of greedy selections. It is written
/// whole after every finding, and read by the same search when it is run again. Figures are written with all their digits, so a search that
/// was interrupted goes on exactly as one that was not. The file stays when the search ends: one for more blocks goes on from it.
/// </summary>
internal sealed class Journal
{
    private const int Version = 2;

    /// <summary>A thousand times what the search of a thousand blocks takes.</summary>
    private const int MaxBytes = 64 << 20;

    /// <summary>Figures that are not finite are read, and none is written but as null.</summary>
    private static readonly JsonSerializerOptions Options =
        new(JsonForm.Indented) { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    private readonly string _path;
    private readonly string _key;
    private readonly SortedDictionary<string, Finding> _losses;
    private readonly SortedDictionary<string, List<JsonNode>> _lists;

    private Journal(string path, string key, SortedDictionary<string, Finding> losses, SortedDictionary<string, List<JsonNode>> lists)
    {
        _path = path;
        _key = key;
        _losses = losses;
        _lists = lists;
    }

    /// <summary>Losses that are known.</summary>
    public int Count => _losses.Count;

    /// <summary>Starts with what the file holds; refuses (MKA060) one of another job, and one that is no journal.</summary>
    /// <param name="key">Tells one job from another: model, text, device.</param>
    public static Journal Open(string path, string key)
    {
        if (!File.Exists(path)) return new Journal(path, key, new(StringComparer.Ordinal), new(StringComparer.Ordinal));
        var text = TextDecoding.Of(RegularFile.ReadAllBytes(path, MaxBytes), Path.GetFileName(path));
        try
        {
            var document = JsonSerializer.Deserialize<Document>(text, Options);
            if (document is not { Version: Version, Key: { } found, Losses: { } losses, Lists: { } lists }
                || lists.Values.Any(l => l is null || l.Contains(null!))
                || losses.Values.Any(l => l is null))
                throw Bad(path, $"it holds no search of version {Version}");
            if (found != key) throw Bad(path, "it belongs to a search with another model, text or device");
            return new Journal(path, key, new(losses, StringComparer.Ordinal), new(lists, StringComparer.Ordinal));
        }
        catch (JsonException e)
        {
            throw Bad(path, $"it is no stored search ({e.Message.Split('\n')[0].TrimEnd('.')})");
        }
    }

    /// <summary>A loss, and the seconds that it took to find; null where it is not known.</summary>
    public (Loss Loss, double Seconds)? Find(string what) =>
        _losses.TryGetValue(what, out var found)
            ? (Loss.Of(found.Nats ?? double.NaN), double.IsFinite(found.Seconds) ? found.Seconds : 0)
            : null;

    public void Add(string what, Loss loss, double seconds)
    {
        _losses[what] = new Finding(loss.Nats, Math.Round(seconds, 1));
        Write();
    }

    /// <summary>What was appended to a list; empty for one that is not there. Refuses (MKA060) entries of another form.</summary>
    public ImmutableArray<T> List<T>(string name)
        where T : class
    {
        try
        {
            return _lists.TryGetValue(name, out var entries)
                ? [.. entries.Select(e => e.Deserialize<T>(Options) ?? throw Bad(_path, "it has empty entries"))]
                : [];
        }
        catch (JsonException e)
        {
            throw Bad(_path, $"it is no stored search ({e.Message.Split('\n')[0].TrimEnd('.')})");
        }
    }

    public void Append<T>(string name, T entry)
        where T : class
    {
        if (!_lists.TryGetValue(name, out var entries)) _lists[name] = entries = [];
        entries.Add(JsonSerializer.SerializeToNode(entry, Options)!);
        Write();
    }

    /// <summary>What to say of a file that this search cannot have written.</summary>
    public RefusedException Impossible(string what) => Bad(_path, what);

    private static RefusedException Bad(string path, string what) =>
        new("MKA060", Path.GetFileName(path), what, "Name another file with --resume, or remove this one");

    /// <summary>The file holds all of before or all of now, whenever the process ends.</summary>
    private void Write()
    {
        var next = $"{_path}.{Environment.ProcessId}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(_path))!);
            WholeFile.Write(next, JsonSerializer.SerializeToUtf8Bytes(new Document(Version, _key, _losses, _lists), Options));
            DiskSync.File(next);
            FileRename.Over(next, _path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Cannot keep the search in {_path}: {e.Message.TrimEnd('.')}.", e);
        }
    }

    private sealed record Finding(double? Nats, double Seconds);

    private sealed record Document(
        int Version, string Key, IDictionary<string, Finding>? Losses, IDictionary<string, List<JsonNode>>? Lists);
}
