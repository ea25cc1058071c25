using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Outcomes;

namespace OnnxMka.Emission;

/// <summary>
/// A folder beside the target that holds everything until it is proven, and then gets the final name. Whatever happens before,
/// nothing stands under that name; what a killed run left is removed by the next one. A running one holds a lock inside, since process
/// numbers say nothing between containers that share a folder (each has a process 1).
/// </summary>
internal sealed class StagingFolder : IDisposable
{
    /// <summary>Folder inside that becomes the result; beside it there is room for what the tool itself notes.</summary>
    public const string ContentName = "new";

    private readonly SafeFileHandle _lock;
    private readonly string _existing;
    private bool _isKept;

    private StagingFolder((string Folder, SafeFileHandle Lock) held, string existing)
    {
        (FullPath, _lock) = held;
        _existing = existing;
        Directory.CreateDirectory(Content);
    }

    public string FullPath { get; private set; }

    public string Content => Path.Combine(FullPath, ContentName);

    /// <summary>Creates the folder inside <paramref name="parent"/>, which must be writable.</summary>
    public static StagingFolder Beside(string parent) => Writing(parent, () =>
    {
        var existing = Existing(parent);
        Directory.CreateDirectory(parent);
        RemoveLeftovers(parent);
        var held = FolderLock.Make(() => Created(parent));
        try
        {
            return new StagingFolder(held, existing);
        }
        catch
        {
            held.Lock.Dispose();
            Remove(held.Folder, existing);
            throw;
        }
    });

    /// <summary>Refuses a parent that cannot be written to, before hours are spent on what would go there; nothing stays behind.</summary>
    public static void RequireWritable(string parent) => Directory.Delete(Writing(parent, () => Created(Existing(parent))));

    /// <summary>Puts back what a killed run took away before it could finish. Refuses a folder in which another run is at that.</summary>
    public static void Settle(string parent)
    {
        if (!Directory.Exists(parent)) return;
        foreach (var staging in Writing(
            parent, () => Directory.GetDirectories(parent, StagingNames.Prefix + "*")).Where(StagingNames.IsBegun))
        {
            using var claim = Claim(staging)
                ?? throw new OutputException(
                    $"Another run is putting its result into {parent} at this moment ({staging}). Start again when it has ended.");
            try
            {
                FolderUpdate.Undo(staging);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new OutputException(
                    $"A run that was killed left its result half in place, and what {staging} says to undo it fails: "
                    + $"{e.Message.TrimEnd('.')}. "
                    + "Remove that folder to go on without.",
                    e);
            }

            Remove(staging, parent);
        }
    }

    /// <summary>Waits until everything staged is on disk, names included.</summary>
    public void Sync()
    {
        foreach (var file in Directory.GetFiles(Content, "*", SearchOption.AllDirectories)) DiskSync.File(file);
        foreach (var folder in Directory.GetDirectories(Content, "*", SearchOption.AllDirectories).Append(Content)) DiskSync.Folder(folder);
    }

    /// <summary>Gives the result the name of a folder that is not there.</summary>
    public void BecomeFolder(string folder)
    {
        Directory.Move(Content, folder);
        Confirm(folder, folder);
    }

    /// <summary>Puts the result into a folder that exists; see <see cref="FolderUpdate"/>.</summary>
    public void Enter(string folder, string model, IEnumerable<string> obsolete)
    {
        Settle(folder);
        if (Path.GetDirectoryName(FullPath) != folder)
        {
            // The folder came into being since the run began.
            var inside = Path.Combine(folder, Path.GetFileName(FullPath));
            Directory.Move(FullPath, inside);
            FullPath = inside;
        }

        var below = Directory.GetDirectories(Content, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Content, f));
        string[] folders = [.. below.Select(f => Path.Combine(folder, f)), folder];
        try
        {
            FolderUpdate.Apply(this, model, obsolete);
        }
        catch (HalfDoneException)
        {
            _isKept = true;
            throw;
        }

        foreach (var changed in folders) Confirm(changed, folder);
    }

    public void Dispose()
    {
        _lock.Dispose();
        if (!_isKept) Remove(FullPath, _existing);
    }

    /// <summary>
    /// With the folders above it that were made for it and hold nothing. What cannot be removed is left to the next run, and changes
    /// nothing of how this one ends.
    /// </summary>
    private static void Remove(string staging, string existing)
    {
        try
        {
            if (Directory.Exists(staging))
            {
                FolderUpdate.Forget(staging); // first: half of what it speaks of must not be put back by anybody
                Directory.Delete(staging, recursive: true);
            }

            var made = Path.GetDirectoryName(staging)!;
            for (; made.Length > existing.Length && !Directory.EnumerateFileSystemEntries(made).Any(); made = Path.GetDirectoryName(made)!)
                Directory.Delete(made);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another run removes it at the same time, or it is another user's: neither is in anybody's way.
        }
    }

    /// <summary>The names in a folder, and in those above it that may have been made for it.</summary>
    private void Confirm(string folder, string result)
    {
        try
        {
            for (var f = folder; f is not null && f.Length >= _existing.Length; f = Path.GetDirectoryName(f)) DiskSync.Folder(f);
        }
        catch (IOException e)
        {
            var why = e.Message.TrimEnd('.');
            throw new OutputException($"{result} holds the result, but the disk does not confirm that it will stay: {why}.", e);
        }
    }

    private static string Existing(string folder)
    {
        while (!Directory.Exists(folder) && !File.Exists(folder)) folder = Path.GetDirectoryName(folder)!;
        return folder;
    }

    private static string Created(string parent) =>
        Directory.CreateDirectory(Path.Combine(parent, $"{StagingNames.Prefix}{Environment.ProcessId}-{Guid.NewGuid():N}")).FullName;

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
        Settle(parent);
        foreach (var folder in Directory.GetDirectories(parent, StagingNames.Prefix + "*"))
        {
            using var claim = Claim(folder);
            if (claim is not null) Remove(folder, parent);
        }
    }

    /// <summary>
    /// Takes over what a run left; null while that run is alive. By its lock; before there is one, by the process that its name tells.
    /// </summary>
    private static IDisposable? Claim(string folder)
    {
        if (File.Exists(Path.Combine(folder, FolderLock.Name))) return FolderLock.TakeOver(folder);
        var isNumbered = int.TryParse(Path.GetFileName(folder)[StagingNames.Prefix.Length..].Split('-')[0], out var process);
        return isNumbered && !IsRunning(process) ? new MemoryStream() : null; // nothing to hold
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
