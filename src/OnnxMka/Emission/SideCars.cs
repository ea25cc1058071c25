namespace OnnxMka.Emission;

/// <summary>The files that go along with a model.</summary>
internal static class SideCars
{
    private static readonly string[] KnownNames = ["vocab.txt", "merges.txt", "tokenizer.model", "spiece.model", "LICENSE", "LICENSE.txt", "NOTICE", "USE_POLICY.md"];

    private static readonly string[] KnownExtensions = [".json", ".jinja", ".tiktoken"];

    /// <summary>
    /// Paths relative to the root. Of a folder: every file but the model and its data. Of a single file: configuration, tokenizer
    /// and licence beside it.
    /// </summary>
    public static IReadOnlyList<string> Of(ModelLocation location, IReadOnlySet<string> modelFiles)
    {
        var search = location.IsFolder ? SearchOption.AllDirectories : SearchOption.TopDirectoryOnly;
        return [.. Directory.EnumerateFiles(location.Root, "*", new EnumerationOptions { RecurseSubdirectories = search == SearchOption.AllDirectories, AttributesToSkip = FileAttributes.None })
            .Where(f => !modelFiles.Contains(Path.GetFullPath(f)) && (location.IsFolder || IsKnown(Path.GetFileName(f))))
            .Select(f => Path.GetRelativePath(location.Root, f))
            .Where(f => !f.Split(Path.DirectorySeparatorChar).Any(part => part.StartsWith(StagingFolder.Prefix, StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal)];
    }

    private static bool IsKnown(string name) =>
        KnownNames.Contains(name, StringComparer.Ordinal) || KnownExtensions.Contains(Path.GetExtension(name), StringComparer.Ordinal);
}
