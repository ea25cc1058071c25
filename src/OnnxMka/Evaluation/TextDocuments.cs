using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OnnxMka.Calibration;

namespace OnnxMka.Evaluation;

/// <summary>A text that is read from its beginning, without what stands in other texts.</summary>
public sealed record TextDocument(string Name, string Text);

/// <summary>Texts to evaluate on.</summary>
/// <param name="Sha256">Of all their files, in order of their names.</param>
public sealed record TextDocuments(ImmutableArray<TextDocument> Documents, string Name, string Sha256)
{
    public static TextDocuments BuiltIn
    {
        get
        {
            var source = TextSource.BuiltInHeldBack;
            return new TextDocuments([new TextDocument(source.Name, source.Text)], source.Name, source.Sha256);
        }
    }

    /// <summary>
    /// A text file; a JSON lines file whose rows have a <c>text</c> (a document each); or a folder of both (<c>.txt</c>,
    /// <c>.jsonl</c>), in order of their names.
    /// </summary>
    public static TextDocuments Read(string path)
    {
        string[] files = Directory.Exists(path)
            ? [.. Directory.GetFiles(path).Where(f => Path.GetExtension(f) is ".txt" or ".jsonl").Order(StringComparer.Ordinal)]
            : [path];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var documents = ImmutableArray.CreateBuilder<TextDocument>();
        foreach (var file in files)
        {
            var bytes = TextSource.ReadAllBytes(file);
            hash.AppendData(bytes);
            var name = Path.GetFileName(file);
            if (Path.GetExtension(file) == ".jsonl") documents.AddRange(JsonLines.Read(file, "a text", row => row.GetProperty("text").GetString() ?? throw new FormatException("it is null")).Select(t => new TextDocument(name, t)));
            else documents.Add(new TextDocument(name, Encoding.UTF8.GetString(bytes)));
        }

        if (documents.Count == 0) throw new RefusedException("MKA070", path, "it holds no .txt or .jsonl file with text", "Give a text file, or a folder of them");
        return new TextDocuments(documents.ToImmutable(), Path.GetFileName(Path.TrimEndingDirectorySeparator(path)), Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}

/// <summary>Files with one JSON object a line.</summary>
internal static class JsonLines
{
    /// <summary>Refuses a line that is not what <paramref name="what"/> says, naming it.</summary>
    public static List<T> Read<T>(string path, string what, Func<JsonElement, T> row)
    {
        var rows = new List<T>();
        var number = 0;
        foreach (var line in Encoding.UTF8.GetString(TextSource.ReadAllBytes(path)).Split('\n'))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line)) continue;
            try
            {
                using var json = JsonDocument.Parse(line);
                rows.Add(row(json.RootElement));
            }
            catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
            {
                throw new RefusedException("MKA072", $"{Path.GetFileName(path)} line {number}", $"it is no JSON object with {what}", "See docs/evaluation.md for the layout", e);
            }
        }

        return rows;
    }
}
