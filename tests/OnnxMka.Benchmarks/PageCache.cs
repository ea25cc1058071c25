using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OnnxMka.Benchmarks;

/// <summary>
/// Puts both sides of a comparison on the same footing: what they are about to read is on disk and not in memory. Only the files of a
/// model are evicted, so that neither side pays for loading its own program; no privilege is needed.
/// </summary>
internal static partial class PageCache
{
    private const int DontNeed = 4;

    public static void Evict(string folder)
    {
        if (!OperatingSystem.IsLinux()) return;
        foreach (var file in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
        {
            using var handle = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite);
            RandomAccess.FlushToDisk(handle);
            if (Advise(handle, 0, 0, DontNeed) != 0) throw new IOException($"{file} cannot be evicted from the page cache");
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);
}
