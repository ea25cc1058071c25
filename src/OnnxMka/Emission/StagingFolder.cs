using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace OnnxMka.Emission;

/// <summary>
/// A folder beside the target that holds everything until it is proven, and then gets the final name. Whatever happens before,
/// nothing stands under that name; what a killed run left is removed by the next one. A running one holds a lock inside, since process
/// numbers say nothing between containers that share a folder (each has a process 1).
/// </summary>
internal sealed class StagingFolder : IDisposable
{
    public const string Prefix = ".onnx-mka-";

    public const string LockName = ".lock";

    private readonly SafeFileHandle _lock;

    private StagingFolder(string path)
    {
        FullPath = path;
        _lock = File.OpenHandle(Path.Combine(path, LockName), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
    }

    public string FullPath { get; }

    /// <summary>Creates the folder inside <paramref name="parent"/>, which must be writable.</summary>
    public static StagingFolder Beside(string parent) => Writing(parent, () =>
    {
        Directory.CreateDirectory(parent);
        RemoveLeftovers(parent);
        return new StagingFolder(Created(parent));
    });

    /// <summary>True for what a run, alive or not, has staged.</summary>
    public static bool Is(string path) => Path.GetFileName(path).StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Refuses a parent that cannot be written to, before hours are spent on what would go there; nothing stays behind.</summary>
    public static void RequireWritable(string parent)
    {
        var existing = parent;
        while (!Directory.Exists(existing) && !File.Exists(existing)) existing = Path.GetDirectoryName(existing)!;
        Directory.Delete(Writing(parent, () => Created(existing)));
    }

    /// <summary>Takes the lock out: what is left is the result.</summary>
    public void Unlock()
    {
        _lock.Dispose();
        File.Delete(Path.Combine(FullPath, LockName));
    }

    public void Dispose()
    {
        _lock.Dispose();
        if (Directory.Exists(FullPath)) Directory.Delete(FullPath, recursive: true);
    }

    private static string Created(string parent) => Directory.CreateDirectory(Path.Combine(parent, $"{Prefix}{Environment.ProcessId}-{Guid.NewGuid():N}")).FullName;

    private static T Writing<T>(string parent, Func<T> create)
    {
        try
        {
            return create();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Cannot write to {parent}: {e.Message.TrimEnd('.')}.", e);
        }
    }

    private static void RemoveLeftovers(string parent)
    {
        foreach (var folder in Directory.GetDirectories(parent, Prefix + "*"))
        {
            if (IsInUse(folder)) continue;
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Another run removes it at the same time, or it is another user's: neither is in this one's way.
            }
        }
    }

    /// <summary>By its lock; before there is one, by the process that its name tells.</summary>
    private static bool IsInUse(string folder)
    {
        var held = Path.Combine(folder, LockName);
        if (!File.Exists(held)) return !int.TryParse(Path.GetFileName(folder)[Prefix.Length..].Split('-')[0], out var process) || IsRunning(process);
        try
        {
            File.OpenHandle(held, FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    private static bool IsRunning(int process)
    {
        try
        {
            using var found = Process.GetProcessById(process);
            return !found.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}

/// <summary>The output cannot be written or is in the way; nothing was lost.</summary>
public sealed class OutputException(string message, Exception? inner = null) : Exception(message, inner);
