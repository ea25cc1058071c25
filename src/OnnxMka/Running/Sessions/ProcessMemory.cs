using System.Diagnostics;
using System.Runtime.InteropServices;

namespace OnnxMka.Running.Sessions;

/// <summary>Memory that this process holds.</summary>
internal static partial class ProcessMemory
{
    /// <summary>
    /// Resident bytes after everything that is free was given back to the system, so that a later growth is not hidden by reuse. The
    /// native heap is trimmed where the C library can do that (glibc).
    /// </summary>
    public static long Settled()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        if (OperatingSystem.IsLinux()
            && NativeLibrary.TryLoad("libc.so.6", out var library)
            && NativeLibrary.TryGetExport(library, "malloc_trim", out _))
        {
            Trim(0);
        }

        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    [LibraryImport("libc.so.6", EntryPoint = "malloc_trim")]
    private static partial int Trim(nuint pad);
}
