using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using OnnxMka.Graph;
using OnnxMka.Json;
using OnnxMka.Outcomes;
using OnnxMka.Structure;

namespace OnnxMka.Measuring;

/// <summary>A task as it stands in a result file.</summary>
/// <param name="Items">Numbers of the items that make it complete.</param>
internal sealed record TaskHeader(string Name, string Sha256, string Settings, ImmutableArray<int> Items);

/// <summary>First line of a result file: runs with equal headers measure the same, whichever shard they ran.</summary>
/// <param name="Model">Fingerprint.</param>
/// <param name="Against">Fingerprint of the original; null for none.</param>
internal sealed record ResultHeader(int Version, string Model, string? Against, int Seed, ImmutableArray<TaskHeader> Tasks)
{
    public const int CurrentVersion = 1;
}

/// <summary>Items on disk, one JSON object a line, written as they are scored: a killed run loses at most the item at work.</summary>
internal sealed class ResultFile : IDisposable
{
    /// <summary>An item that the model holds for impossible has an infinite loss; read back it is the same item.</summary>
    private static readonly JsonSerializerOptions Options = new(JsonForm.Line)
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private readonly StreamWriter? _writer;
    private readonly List<ItemResult> _items;

    private ResultFile(StreamWriter? writer, IEnumerable<ItemResult> items)
    {
        _writer = writer;
        _items = [.. items];
    }

    public IReadOnlyList<ItemResult> Items => _items;

    /// <summary>Continues a file with the same header, or begins one. Null path: in memory alone.</summary>
    public static ResultFile Open(string? path, ResultHeader header)
    {
        if (path is null) return new ResultFile(null, []);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
            try
            {
                return Continue(stream, path, header);
            }
            catch
            {
                stream.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Cannot write {path}: {e.Message.TrimEnd('.')}.", e);
        }
    }

    /// <summary>
    /// Shards of one run to its items. Refuses files of different runs, and items that are missing or were run twice with different
    /// outcome.
    /// </summary>
    public static (ResultHeader Header, ImmutableArray<ItemResult> Items) Merge(IReadOnlyList<string> paths)
    {
        var shards = paths.Select(p => (Path: p, Content: Parse(OnnxMka.Running.Tokens.TextSource.FromFile(p).Text, p))).ToArray();
        var header = shards[0].Content.Header;
        var items = new SortedDictionary<(string, int), ItemResult>();
        foreach (var (path, content) in shards)
        {
            if (Text(content.Header) != Text(header))
            {
                throw new RefusedException(
                    "MKA075", path, $"it belongs to another run than {paths[0]}", "Merge shards of one model, data and options");
            }

            foreach (var item in content.Items)
            {
                if (!items.TryAdd((item.Task, item.Index), item) && Text(items[(item.Task, item.Index)]) != Text(item))
                {
                    throw new RefusedException(
                        "MKA075", path, $"its item {item.Index} of {item.Task} differs from that of another shard", "Run it again");
                }
            }
        }

        foreach (var task in header.Tasks)
        {
            var missing = task.Items.Where(i => !items.ContainsKey((task.Name, i))).ToArray();
            if (missing.Length > 0)
            {
                throw new RefusedException(
                    "MKA075",
                    task.Name,
                    $"{missing.Length} of {task.Items.Length} items are missing, the first is {missing[0]}",
                    "Finish the missing shards: the same command continues where it stopped");
            }
        }

        return (header, [.. items.Values]);
    }

    public void Add(ItemResult item)
    {
        _items.Add(item);
        try
        {
            _writer?.Write(Text(item) + "\n");
            _writer?.Flush();
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new OutputException("Cannot write the results: no file of that size is allowed there.", e); // what .NET makes of EFBIG
        }
    }

    public void Dispose() => _writer?.Dispose();

    private static ResultFile Continue(FileStream stream, string path, ResultHeader header)
    {
        using var reader = new StreamReader(stream, new UTF8Encoding(false), false, leaveOpen: true);
        var text = reader.ReadToEnd();
        // A killed run may have left half a line.
        var whole = text[..(text.LastIndexOf('\n') + 1)];
        // A file of something else is refused before a byte of it changes. One with a part of this header is as good as empty.
        var isBegun = !(Text(header) + "\n").StartsWith(text, StringComparison.Ordinal);
        var items = isBegun ? ItemsOf(Parse(whole, path)) : [];
        stream.SetLength(isBegun ? Encoding.UTF8.GetByteCount(whole) : 0);
        stream.Seek(0, SeekOrigin.End);
        var writer = new StreamWriter(stream, new UTF8Encoding(false));
        if (!isBegun) writer.Write(Text(header) + "\n");
        writer.Flush();
        return new ResultFile(writer, items);

        IReadOnlyList<ItemResult> ItemsOf((ResultHeader Header, IReadOnlyList<ItemResult> Items) old) => Text(old.Header) == Text(header)
            ? old.Items
            : throw new RefusedException(
                "MKA074",
                path,
                "it holds results of another model, data or options",
                "Name another file with --results, or remove this one");
    }

    private static (ResultHeader Header, IReadOnlyList<ItemResult> Items) Parse(string text, string path)
    {
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        try
        {
            var header = lines.Length > 0 ? JsonSerializer.Deserialize<ResultHeader>(lines[0], Options) : null;
            if (header is not { Version: ResultHeader.CurrentVersion } || header.Tasks.IsDefault) throw new JsonException("no header");
            var items = lines.Skip(1)
                .Select(l => JsonSerializer.Deserialize<ItemResult>(l, Options) ?? throw new JsonException("an empty line"));
            return (header, [.. items]);
        }
        catch (JsonException e)
        {
            throw new RefusedException("MKA074", path, "it is no result file of this version", "Name another file", e);
        }
    }

    private static string Text<T>(T value) => JsonSerializer.Serialize(value, Options);
}
