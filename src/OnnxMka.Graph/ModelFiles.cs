using System.Collections.Immutable;

namespace OnnxMka.Graph;

/// <summary>
/// The files of a model as they were at one time: a run of hours must not mix what it measured with what somebody put there since.
/// </summary>
public sealed class ModelFiles
{
    private readonly ImmutableArray<FileState> _files;

    private ModelFiles(ImmutableArray<FileState> files) => _files = files;

    /// <summary>Bytes of all files, the model's own among them.</summary>
    public long TotalBytes => _files.Sum(f => f.Length);

    /// <summary>Looks at the files, reads none. Throws <see cref="InputFileException"/> where one is gone.</summary>
    public static ModelFiles Of(OnnxModel model) => new([.. model.Files.Select(FileState.Of)]);

    /// <summary>
    /// Refuses files with another length or time of writing than then. Throws <see cref="InputFileException"/> where one is gone.
    /// </summary>
    public void RequireUnchanged()
    {
        if (_files.FirstOrDefault(f => FileState.Of(f.Path) != f) is { } changed)
        {
            throw new RefusedException(
                "MKA005",
                Path.GetFileName(changed.Path),
                "it changed since it was read at the start",
                "Leave the model's files alone while the tool is at work, and run it again");
        }
    }

    private sealed record FileState(string Path, long Length, DateTime Written)
    {
        public static FileState Of(string path) => InputFileException.Reading(path, () =>
        {
            var file = new FileInfo(path);
            return new FileState(path, file.Length, file.LastWriteTimeUtc);
        });
    }
}
