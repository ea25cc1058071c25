using System.Diagnostics;

namespace OnnxMka.Tests;

/// <summary>A file system of a few megabytes, mounted for one test.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly TempFolder _folder = new();

    public SmallDisk(string size)
    {
        if (!Mount("-t", "tmpfs", "-o", $"size={size}", "tmpfs", _folder.FullPath)) throw new InvalidOperationException("mount failed");
    }

    public string FullPath => _folder.FullPath;

    public string this[string name] => _folder[name];

    public static bool CanMount()
    {
        using var folder = new TempFolder();
        return OperatingSystem.IsLinux()
            && Mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", folder.FullPath)
            && Run("umount", folder.FullPath);
    }

    public void Dispose()
    {
        Run("umount", _folder.FullPath);
        _folder.Dispose();
    }

    private static bool Mount(params string[] arguments) => Run("mount", arguments);

    private static bool Run(string command, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(command, arguments) { RedirectStandardError = true, UseShellExecute = false });
        process!.WaitForExit();
        return process.ExitCode == 0;
    }
}

/// <summary>A test that needs a disk of its own; says so where none can be mounted.</summary>
public sealed class TmpfsFactAttribute : FactAttribute
{
    private static readonly bool Mountable = SmallDisk.CanMount();

    public TmpfsFactAttribute()
    {
        if (!Mountable) Skip = "mounting a tmpfs is not permitted here";
    }
}
