using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Inputs;

namespace OnnxMka.Emission;

/// <param name="Path">Relative to the model's folder.</param>
internal sealed record CompanionFile(string Path, long Bytes);

/// <summary>Finds the files that go along with a model; none is read.</summary>
internal static class CompanionFiles
{
    private static readonly string[] KnownNames =
    [
        "vocab.txt", "merges.txt", "tokenizer.model", "spiece.model", "LICENSE", "LICENSE.txt", "NOTICE", "USE_POLICY.md",
    ];

    /// <summary>Of these the tool itself reads.</summary>
    private static readonly string[] Settings =
    [
        "config.json", "genai_config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "vocab.json",
    ];

    private const string LeadsOut = "it is a link that leads out of the model's folder";

    private static readonly string[] KnownExtensions = [".json", ".jinja", ".tiktoken"];

    /// <summary>
    /// Of a folder: every file but the model and its data. Of a single file: configuration, tokenizer and licence beside it. What is no
    /// plain file (pipes, sockets, links to nothing or to another folder), and what is a link to a file elsewhere, is left out and told; of
    /// configuration that is refused. Where files may lie is the rule for data files: a model must be no way to what else is on the disk.
    /// </summary>
    /// <param name="output">Folder of the result without links, whose files are not the input's; it may lie inside.</param>
    public static ImmutableArray<CompanionFile> Of(
        ModelLocation location, IReadOnlySet<string> modelFiles, string output, List<ConfigChange> changes)
    {
        var folder = new ModelFolder(location.ModelPath, location.Root);
        var files = ImmutableArray.CreateBuilder<CompanionFile>();
        foreach (var entry in FolderWalk.Below(
            location.Root, f => location.IsFolder && RealPath.Of(f.FullName) != output && !StagingNames.Is(f.Name)))
        {
            var path = Path.GetRelativePath(location.Root, entry.FullName);
            if (modelFiles.Contains(entry.FullName) || !(location.IsFolder || IsKnown(entry.Name))) continue;
            if (Obstacle(entry, folder) is not { } obstacle) files.Add(new CompanionFile(path, Length((FileInfo)entry)));
            else if (ConfigFiles.Knows(path, location)) throw Unusable(entry, path);
            else changes.Add(new ConfigChange(path, "is left out:", obstacle, IsWarning: true));
        }

        files.Sort((a, b) => string.CompareOrdinal(a.Path, b.Path));
        return files.ToImmutable();
    }

    /// <summary>Configuration, tokenizer and licence that are there, absolute: in the model's folder and in that of its file.</summary>
    public static IEnumerable<string> ReadBeside(ModelLocation location) =>
        new[] { location.Root, Path.GetDirectoryName(location.ModelPath)! }.Distinct(StringComparer.Ordinal)
            .SelectMany(folder => Settings.Concat(KnownNames).Select(name => Path.Combine(folder, name)))
            .Where(File.Exists);

    /// <summary>Why an entry does not go along; null where it does.</summary>
    private static string? Obstacle(FileSystemInfo entry, ModelFolder folder) =>
        entry is not FileInfo ? "it is a link to another folder"
        : !RegularFile.Is(entry.FullName) ? "it is not a plain file"
        : entry.LinkTarget is not null && !folder.Holds(entry.FullName) ? LeadsOut
        : null;

    private static Exception Unusable(FileSystemInfo entry, string path)
    {
        RegularFile.Require(entry.FullName);
        return new RefusedException("MKA050", path, LeadsOut, "Put the file itself beside the model");
    }

    private static long Length(FileInfo file) => ((FileInfo?)file.ResolveLinkTarget(returnFinalTarget: true) ?? file).Length;

    private static bool IsKnown(string name) =>
        KnownNames.Contains(name, StringComparer.Ordinal) || KnownExtensions.Contains(Path.GetExtension(name), StringComparer.Ordinal);
}
