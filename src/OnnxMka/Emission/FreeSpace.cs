using OnnxMka.Outcomes;

namespace OnnxMka.Emission;

/// <summary>Room on the disk, asked before a byte is written.</summary>
internal static class FreeSpace
{
    /// <summary>Refuses where a folder's file system has less than <paramref name="bytes"/> left.</summary>
    public static void Require(string folder, long bytes)
    {
        var free = Of(folder);
        if (free < bytes)
            throw new OutputException($"Cannot write {bytes:N0} bytes to {folder}: the disk has {free:N0} left.");
    }

    /// <summary>Bytes left on the file system of a folder, or of the nearest one above it that exists.</summary>
    public static long Of(string folder)
    {
        while (!Directory.Exists(folder) && Path.GetDirectoryName(folder) is { } parent) folder = parent;
        return new DriveInfo(folder).AvailableFreeSpace;
    }
}
