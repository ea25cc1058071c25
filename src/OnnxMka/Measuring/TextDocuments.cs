using System.Collections.Immutable;
using System.Security.Cryptography;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Measuring;

/// <summary>A text that is read from its beginning, without what stands in other texts.</summary>
internal sealed record TextDocument(string Name, string Text);

/// <summary>Texts to evaluate on.</summary>
/// <param name="Sha256">Of all their files, in order of their names.</param>
internal sealed record TextDocuments(ImmutableArray<TextDocument> Documents, string Name, string Sha256)
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
            var source = TextSource.FromFile(file, hash);
            if (Path.GetExtension(file) == ".jsonl")
                documents.AddRange(JsonLines.Read(source, row => new TextDocument(source.Name, JsonRow.Text(row, "text"))));
            else documents.Add(new TextDocument(source.Name, source.Text));
        }

        if (documents.Count == 0)
        {
            throw new RefusedException(
                "MKA070", path, "it holds no .txt or .jsonl file with text", "Give a text file, or a folder of them");
        }

        return new TextDocuments(
            documents.ToImmutable(),
            Path.GetFileName(Path.TrimEndingDirectorySeparator(path)),
            Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
