using System.Runtime.InteropServices;

namespace OnnxMka.Graph.Tests;

/// <summary>A test of what only Linux has.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LinuxFactAttribute : FactAttribute
{
    public LinuxFactAttribute()
    {
        if (!OperatingSystem.IsLinux()) Skip = "pipes in the file system are told apart on Linux only";
    }
}

internal static partial class NativePipe
{
    private const uint OwnerReadsAndWrites = 0x180;

    /// <summary>mkfifo(3).</summary>
    public static void Make(string path) => Assert.Equal(0, MakeFifo(path, OwnerReadsAndWrites));

    [LibraryImport("libc", EntryPoint = "mkfifo", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeFifo(string path, uint mode);
}
