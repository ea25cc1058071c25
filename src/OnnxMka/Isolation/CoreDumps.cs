using System.Runtime.InteropServices;

namespace OnnxMka.Isolation;

/// <summary>A child that is expected to crash leaves no image of its memory, which would be as large as a model.</summary>
internal static partial class CoreDumps
{
    private const int CoreResource = 4; // RLIMIT_CORE of Linux and macOS

    /// <summary>One byte, not none: Linux then also leaves out the dump that would go to a program.</summary>
    public static void Forbid()
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS()) return;
        var limit = new Limit(1, 1);
        _ = SetLimit(CoreResource, in limit); // fails where nothing is allowed already
    }

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int SetLimit(int resource, in Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Limit(nuint soft, nuint hard)
    {
        private readonly nuint _soft = soft;
        private readonly nuint _hard = hard;
    }
}
