using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Outcomes;

namespace OnnxMka.Emission;

/// <summary>
/// The files that one command reads and writes, each with what names it. Whether one would be written over another is told before any work
/// is done.
/// </summary>
internal sealed class NamedFiles
{
    private readonly ImmutableArray<NamedFile> _files;

    private NamedFiles(ImmutableArray<NamedFile> files) => _files = files;

    public static NamedFiles None { get; } = new([]);

    /// <summary>A file, or a folder of texts; null for none.</summary>
    public NamedFiles Reads(string name, string? path) =>
        path is null ? this : With(Directory.Exists(path) ? FileUse.ReadFolder : FileUse.Read, name, path, $"which {name} reads");

    /// <summary>A file that is written, or read and written by the same option; null for none.</summary>
    public NamedFiles Writes(string name, string? path) => path is null ? this : With(FileUse.Write, name, path, $"which {name} writes");

    /// <summary>A folder for files whose names only the work tells.</summary>
    public NamedFiles WritesBelow(string name, string path) => With(FileUse.WriteFolder, name, path, $"where {name} writes");

    /// <summary>
    /// A model with data, configuration and tokenizer; null for none. Reads its structure where anything is written at all.
    /// </summary>
    public NamedFiles ReadsModel(string? path)
    {
        if (path is null || !_files.Any(f => f.IsWritten)) return this;
        var location = ModelLocation.Find(path);
        return ReadsModel(location, OnnxModel.Load(location.ModelPath));
    }

    /// <summary>Throws <see cref="OutputException"/> where a file would take another's place, or stand where one needs a folder.</summary>
    public void Check()
    {
        foreach (var written in _files.Where(f => f.IsWritten && !f.IsDevice))
        {
            // Of two that are written the later tells of the earlier.
            if (_files.FirstOrDefault(f => (!f.IsWritten || f.Order < written.Order) && written.Meets(f)) is { } other)
                throw new OutputException($"{written.Name} would write {written.Path}, {other.What}. Give another name or place.");
        }
    }

    internal NamedFiles ReadsModel(ModelLocation location, OnnxModel model) =>
        model.Files.Concat(CompanionFiles.ReadBeside(location)).Aggregate(this, (files, f) => files.OfInput(FileUse.Read, f));

    /// <param name="written">Files of the result by the paths that they will have.</param>
    /// <param name="companions">Files of the input that go along.</param>
    internal NamedFiles Emits(IEnumerable<string> written, IEnumerable<string> companions)
    {
        var files = written.Aggregate(this, (all, f) => all.With(FileUse.Result, "the result", f, "which is a file of the result"));
        return companions.Aggregate(files, (all, f) => all.OfInput(FileUse.Companion, f));
    }

    private NamedFiles OfInput(FileUse use, string path) => With(use, "the input", path, "which is a file of the input");

    private NamedFiles With(FileUse use, string name, string path, string what) =>
        new(_files.Add(new NamedFile(use, name, path, what, _files.Length)));
}

/// <summary>What a command does with a file.</summary>
internal enum FileUse
{
    Read,

    /// <summary>A folder of which every text is read, those included that come to be there.</summary>
    ReadFolder,

    /// <summary>Of the input, goes along into the result.</summary>
    Companion,

    /// <summary>Written into what is there, where there is something.</summary>
    Write,

    WriteFolder,

    /// <summary>Gets its name as part of the result. What of the input it may replace <see cref="OutputTarget"/> says.</summary>
    Result,
}

/// <param name="Name">Option, or what else names it.</param>
/// <param name="What">What it is to whoever would write over it.</param>
internal sealed record NamedFile(FileUse Use, string Name, string Path, string What, int Order)
{
    private static readonly string[] Texts = [".txt", ".jsonl", ".csv"];

    private readonly FileIdentity _identity = new(Path);

    public bool IsWritten => Use is FileUse.Write or FileUse.WriteFolder or FileUse.Result;

    /// <summary>A terminal, a pipe or a device: it holds nothing that could be lost.</summary>
    public bool IsDevice => Use == FileUse.Write && File.Exists(Path) && !RegularFile.Is(Path);

    /// <summary>True where this, which is written, would take the other's place or that of a folder on the way to it.</summary>
    public bool Meets(NamedFile other) => (Use, other.Use) switch
    {
        (FileUse.Result, FileUse.Result or FileUse.Companion) => false,
        (_, FileUse.ReadFolder) => IsText && _identity.IsBelow(other._identity),
        (FileUse.Result, _) => _identity.IsSameName(other._identity) || IsOnTheWay(other),
        _ => _identity.IsSameFile(other._identity) || IsOnTheWay(other),
    };

    private bool IsText => Texts.Contains(System.IO.Path.GetExtension(Path), StringComparer.Ordinal);

    private bool IsOnTheWay(NamedFile other) =>
        other._identity.IsBelow(_identity) || (other.IsWritten && _identity.IsBelow(other._identity));
}
