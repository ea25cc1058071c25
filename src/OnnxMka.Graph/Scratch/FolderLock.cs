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

    /// <summary>
    /// Makes a folder and holds it until the lock is disposed. Between a lock's making and its holding another process may take the folder
    /// for a leftover: then it is made once more.
    /// </summary>
    /// <param name="create">Makes a folder of a new name.</param>
    public static (string Folder, SafeFileHandle Lock) Make(Func<string> create)
    {
        const int Tries = 20;
        for (var left = Tries; ; left--)
        {
            var folder = create();
            var file = Path.Combine(folder, Name);
            try
            {
                var held = File.OpenHandle(file, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
                if (File.Exists(file)) return (folder, held); // whoever removes a folder holds its lock
                held.Dispose();
            }
            catch (IOException) when (left > 0)
            {
                // Another holds it, or has removed the folder already; what does not pass ends with the last try.
            }
        }
    }

    /// <summary>Removes what was left, and holds it while that is done. Throws as <see cref="Directory.Delete(string, bool)"/>.</summary>
    /// <param name="leftover">Taken over; disposed here.</param>
    public static void Remove(string folder, SafeFileHandle leftover)
    {
        using (leftover)
        {
            if (!OperatingSystem.IsWindows())
            {
                Directory.Delete(folder, recursive: true);
                return;
            }
        }

        // There a file that is open stays; and a lock is held from its making on, so that nobody can have waited for this one.
        Directory.Delete(folder, recursive: true);
    }

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
