using Microsoft.Win32.SafeHandles;

namespace OnnxMka.Graph;

/// <summary>
/// A file in a folder of the tool's own that the process which made it holds: what nobody holds was left by one that was killed. Process
/// numbers say nothing between containers that share a folder (each has a process 1).
/// </summary>
public static class FolderLock
{
    /// <summary>The file's name.</summary>
    public const string Name = ".lock";

    /// <summary>Of a folder that was just made; held until it is disposed.</summary>
    public static SafeFileHandle Take(string folder) =>
        File.OpenHandle(Path.Combine(folder, Name), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);

    /// <summary>Takes over what was left; null while another holds it, where there is none, and where it is another user's.</summary>
    public static SafeFileHandle? TakeOver(string folder)
    {
        try
        {
            return File.OpenHandle(Path.Combine(folder, Name), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
