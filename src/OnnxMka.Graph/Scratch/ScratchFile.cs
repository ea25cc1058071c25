using Microsoft.Win32.SafeHandles;

namespace OnnxMka.Graph;

/// <summary>
/// A file for weights that are computed and needed again: what lies there takes no memory, and the runtime opens it by its path like any
/// other data file. It goes when this is disposed; what a killed process left is removed by the next one. Not for several threads at once.
/// </summary>
public sealed class ScratchFile : IDisposable
{
    private const string Prefix = "onnx-mka-scratch-";

    private readonly string _folder;
    private readonly SafeFileHandle _lock;
    private readonly SafeFileHandle _file;
    private bool _disposed;

    /// <param name="parent">
    /// Existing folder; null for the temporary one. Throws <see cref="IOException"/> where it cannot be written.
    /// </param>
    public ScratchFile(string? parent = null)
    {
        parent ??= System.IO.Path.GetTempPath();
        RemoveLeftovers(parent);
        (_folder, _lock) = FolderLock.Make(
            () => Directory.CreateDirectory(System.IO.Path.Combine(parent, $"{Prefix}{Guid.NewGuid():N}")).FullName);
        Path = System.IO.Path.Combine(_folder, "weights");
        _file = File.OpenHandle(Path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
    }

    public string Path { get; }

    /// <summary>Bytes that lie there.</summary>
    public long Length { get; private set; }

    /// <summary>Appends the bytes of a tensor. Throws <see cref="IOException"/> where the disk is full.</summary>
    public FileRange Add(ReadOnlySpan<byte> bytes)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var range = new FileRange(Path, Length, bytes.Length);
        RandomAccess.Write(_file, bytes, Length);
        Length += bytes.Length;
        return range;
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _file.Dispose();
        File.Delete(Path);
        _lock.Dispose();
        try
        {
            Directory.Delete(_folder, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Once the lock is free, another process may take the folder for a leftover, and remove it first.
        }
    }

    /// <summary>Folders whose lock nobody holds. What cannot be removed, such as another user's, stays.</summary>
    private static void RemoveLeftovers(string parent)
    {
        foreach (var folder in Directory.GetDirectories(parent, Prefix + "*"))
        {
            try
            {
                // A folder without a lock is about to get one, or was left before it had: neither is large.
                if (FolderLock.TakeOver(folder) is { } held) FolderLock.Remove(folder, held);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                continue;
            }
        }
    }
}
