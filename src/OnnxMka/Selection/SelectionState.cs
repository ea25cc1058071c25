using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using OnnxMka.Graph;
using OnnxMka.Json;
using OnnxMka.Outcomes;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Selection;

/// <summary>
/// The rounds of a greedy selection in a file (<c>--resume FILE</c>): written whole after every round, read by the same search when it is run
/// again. Figures are written with all their digits, so a search that was interrupted goes on exactly as one that was not. The file stays when
/// the search ends: one for more blocks goes on from it.
/// </summary>
internal sealed class SelectionState
{
    private const int Version = 1;

    /// <summary>A thousand times what the search of a thousand blocks takes.</summary>
    private const int MaxBytes = 64 << 20;

    /// <summary>Losses that are not finite are read, and none is written.</summary>
    private static readonly JsonSerializerOptions Options =
        new(JsonForm.Indented) { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };

    private readonly string _path;
    private readonly string _key;

    private SelectionState(string path, string key, ImmutableArray<SelectedBlock> rounds)
    {
        _path = path;
        _key = key;
        Rounds = rounds;
    }

    public ImmutableArray<SelectedBlock> Rounds { get; private set; }

    /// <summary>
    /// Starts with what the file holds; refuses one of another search (MKA060). The other way with a block may have no finite loss, as it has
    /// here; the way that was taken has one.
    /// </summary>
    public static SelectionState Open(string path, string key)
    {
        if (!File.Exists(path)) return new SelectionState(path, key, []);
        var text = TextDecoding.Of(RegularFile.ReadAllBytes(path, MaxBytes), Path.GetFileName(path));
        try
        {
            var document = JsonSerializer.Deserialize<Document>(text, Options);
            if (document is not { Version: Version, Key: { } found } || document.Rounds.IsDefault || document.Rounds.Any(r => r is null)) throw Bad(path, $"it holds no search of version {Version}");
            if (document.Rounds.FirstOrDefault(r => !double.IsFinite(r.Score)) is { } none) throw Bad(path, $"its round for block {none.Block} has no finite loss");
            if (found != key) throw Bad(path, "it belongs to a search with another model, text or options");
            return new SelectionState(path, key, [.. document.Rounds.Select(r => r.OtherScore is { } other && !double.IsFinite(other) ? r with { OtherScore = null } : r)]);
        }
        catch (JsonException e)
        {
            throw Bad(path, $"it is no stored search ({e.Message.Split('\n')[0].TrimEnd('.')})");
        }
    }

    /// <summary>The file holds all rounds of before or all of now, whenever the process ends.</summary>
    public void Add(SelectedBlock round)
    {
        Rounds = Rounds.Add(round);
        var next = $"{_path}.{Environment.ProcessId}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(_path))!);
            WholeFile.Write(next, JsonSerializer.SerializeToUtf8Bytes(new Document(Version, _key, Rounds), Options));
            DiskSync.File(next);
            FileRename.Over(next, _path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Cannot keep the search in {_path}: {e.Message.TrimEnd('.')}.", e);
        }
    }

    /// <summary>What to say of a round that this search cannot have had.</summary>
    public RefusedException Impossible(SelectedBlock round) => Bad(_path, $"its round for block {round.Block} is none of this search");

    private static RefusedException Bad(string path, string what) => new("MKA060", Path.GetFileName(path), what, "Name another file with --resume, or remove this one");

    private sealed record Document(int Version, string Key, ImmutableArray<SelectedBlock> Rounds);
}
