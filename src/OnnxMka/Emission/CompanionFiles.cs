using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Emission;

/// <param name="Path">Relative to the model's folder.</param>
internal sealed record CompanionFile(string Path, long Bytes);

/// <summary>Finds the files that go along with a model; none is read.</summary>
internal static class CompanionFiles
{
    private static readonly string[] KnownNames = ["vocab.txt", "merges.txt", "tokenizer.model", "spiece.model", "LICENSE", "LICENSE.txt", "NOTICE", "USE_POLICY.md"];

    private static readonly string[] KnownExtensions = [".json", ".jinja", ".tiktoken"];

    /// <summary>
    /// Of a folder: every file but the model and its data. Of a single file: configuration, tokenizer and licence beside it. What is no
    /// plain file (pipes, sockets, links to nothing or to another folder) is left out and told; of configuration that is refused.
    /// </summary>
    /// <param name="output">Folder of the result without links, whose files are not the input's; it may lie inside.</param>
    public static ImmutableArray<CompanionFile> Of(ModelLocation location, IReadOnlySet<string> modelFiles, string output, List<ConfigChange> changes)
    {
        var files = ImmutableArray.CreateBuilder<CompanionFile>();
        foreach (var entry in FolderWalk.Below(location.Root, f => location.IsFolder && RealPath.Of(f.FullName) != output && !StagingFolder.Is(f.Name)))
        {
            var path = Path.GetRelativePath(location.Root, entry.FullName);
            if (modelFiles.Contains(entry.FullName) || !(location.IsFolder || IsKnown(entry.Name))) continue;
            if (entry is FileInfo file && RegularFile.Is(file.FullName)) files.Add(new CompanionFile(path, ((FileInfo?)file.ResolveLinkTarget(returnFinalTarget: true) ?? file).Length));
            else if (ConfigFiles.Knows(path)) RegularFile.Require(entry.FullName);
            else changes.Add(new ConfigChange(path, "is left out:", entry is FileInfo ? "it is not a plain file" : "it is a link to another folder", IsWarning: true));
        }

        files.Sort((a, b) => string.CompareOrdinal(a.Path, b.Path));
        return files.ToImmutable();
    }

    private static bool IsKnown(string name) =>
        KnownNames.Contains(name, StringComparer.Ordinal) || KnownExtensions.Contains(Path.GetExtension(name), StringComparer.Ordinal);
}
