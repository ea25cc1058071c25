using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OnnxMka.Graph;

/// <summary>
/// Waits until what was written is on disk. Throws <see cref="IOException"/> where the disk says that it is not, which .NET's own flush
/// keeps to itself; a file system that has no such thing is taken as it is.
/// </summary>
public static partial class DiskSync
{
    private const int ReadOnly = 0;
    private const int CloseOnExec = 0x80000;

    /// <summary>What the system answers for what cannot be synchronised at all: EINVAL, EROFS, EOPNOTSUPP.</summary>
    private static readonly int[] NotPossible = [22, 30, 95];

    private const int Interrupted = 4;

    /// <summary>The bytes of a file.</summary>
    public static void File(SafeFileHandle file)
    {
        if (OperatingSystem.IsLinux()) Check(() => Sync(file));
        else RandomAccess.FlushToDisk(file);
    }

    /// <summary>The bytes of a file; opened to read, since it may be read-only.</summary>
    public static void File(string path)
    {
        using var file = System.IO.File.OpenHandle(path, FileMode.Open);
        File(file);
    }

    /// <summary>The names in a folder. Where that is the file system's own business (Windows), nothing.</summary>
    public static void Folder(string path)
    {
        if (!OperatingSystem.IsLinux()) return;
        SafeFileHandle? folder = null;
        try
        {
            Check(() =>
            {
                folder = Open(path, ReadOnly | CloseOnExec);
                return folder.IsInvalid ? -1 : 0;
            });
            Check(() => Sync(folder!));
        }
        finally
        {
            folder?.Dispose();
        }
    }

    private static void Check(Func<int> call)
    {
        while (call() != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            if (NotPossible.Contains(error)) return;
            if (error != Interrupted) throw new IOException(Marshal.GetPInvokeErrorMessage(error));
        }
    }

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);
}
