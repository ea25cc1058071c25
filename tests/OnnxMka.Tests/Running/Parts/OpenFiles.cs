namespace OnnxMka.Tests.Running.Parts;

/// <summary>Files that this process has open, deleted ones included. Known on Linux only; elsewhere none.</summary>
internal static class OpenFiles
{
    public static int Under(string folder) => !OperatingSystem.IsLinux() ? 0 : Directory.EnumerateFileSystemEntries("/proc/self/fd")
        .Count(fd => Target(fd)?.StartsWith(folder, StringComparison.Ordinal) == true);

    private static string? Target(string fd)
    {
        try
        {
            return new FileInfo(fd).LinkTarget;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
