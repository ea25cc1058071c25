using System.Diagnostics;

namespace OnnxMka.Benchmarks;

/// <summary>
/// Puts both sides of a comparison on the same footing: written files flushed, nothing in the page cache. Without it the second
/// command would read from memory what the first has just written.
/// </summary>
internal static class PageCache
{
    private const string Switch = "/proc/sys/vm/drop_caches";

    /// <summary>For the table: whether reads came from disk.</summary>
    public static string Note => CanDrop ? ", cold cache" : ", warm cache";

    private static bool CanDrop { get; } = OperatingSystem.IsLinux() && Environment.UserName == "root" && File.Exists(Switch);

    public static void Drop()
    {
        using (var sync = Process.Start("sync")) sync.WaitForExit();
        if (CanDrop) File.WriteAllText(Switch, "3\n");
    }
}
