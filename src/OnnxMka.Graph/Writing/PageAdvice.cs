using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OnnxMka.Graph;

/// <summary>
/// What the page cache is told about reads and writes. Advice never changes a byte and a kernel or file system may decline it, so results
/// are not looked at; but who waits for a write is told of a failing disk, and the flush that ends the file then is not.
/// </summary>
internal static partial class PageAdvice
{
    private const int WillNeed = 3;
    private const int DontNeed = 4;
    private const uint WaitBefore = 1;
    private const uint Write = 2;
    private const uint WaitAfter = 4;

    /// <summary>EIO, ENOSPC, EDQUOT.</summary>
    private static readonly int[] Failures = [5, 28, 122];

    /// <summary>Starts reading a range that is asked for soon.</summary>
    public static void WillRead(SafeFileHandle file, long offset, long length)
    {
        if (OperatingSystem.IsLinux()) _ = Advise(file, offset, length, WillNeed);
    }

    /// <summary>Frees the clean pages of a range.</summary>
    public static void Drop(SafeFileHandle file, long offset, long length)
    {
        if (OperatingSystem.IsLinux()) _ = Advise(file, offset, length, DontNeed);
    }

    /// <summary>Starts writing a range to disk.</summary>
    public static void StartWriting(SafeFileHandle file, long offset, long length)
    {
        if (OperatingSystem.IsLinux()) _ = SyncRange(file, offset, length, Write);
    }

    /// <summary>Waits until a range is on disk. Throws <see cref="IOException"/> where it does not get there.</summary>
    public static void AwaitWriting(SafeFileHandle file, long offset, long length)
    {
        if (!OperatingSystem.IsLinux() || SyncRange(file, offset, length, WaitBefore | Write | WaitAfter) == 0) return;
        var error = Marshal.GetLastPInvokeError();
        if (Failures.Contains(error)) throw new IOException(Marshal.GetPInvokeErrorMessage(error));
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);

    [LibraryImport("libc", EntryPoint = "sync_file_range", SetLastError = true)]
    private static partial int SyncRange(SafeFileHandle file, long offset, long length, uint flags);
}
