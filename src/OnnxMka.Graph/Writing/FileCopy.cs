namespace OnnxMka.Graph;

/// <summary>Copies whole files as tensors are copied: by the kernel where it can, with progress, and flushed to disk.</summary>
public static class FileCopy
{
    /// <summary>
    /// To a name that must not exist; permissions go along. Progress counts bytes. Throws <see cref="InputFileException"/> where the source
    /// is no plain file or cannot be read.
    /// </summary>
    public static void Copy(string source, string destination, IProgress<long>? progress = null, CancellationToken ct = default)
    {
        var (length, mode) = Look(source);
        using var reader = new TensorReader();
        new PieceWriter(reader, progress, ct).Write(
            destination, [new ContentPiece(new FileRange(source, 0, length), Path.GetFileName(source))]);
        if (mode is { } bits && !OperatingSystem.IsWindows()) File.SetUnixFileMode(destination, bits);
    }

    private static (long Length, UnixFileMode? Mode) Look(string path) => InputFileException.Reading(path, () =>
    {
        using var file = RegularFile.Open(path);
        return (RandomAccess.GetLength(file), OperatingSystem.IsWindows() ? (UnixFileMode?)null : File.GetUnixFileMode(file));
    });
}
