using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace OnnxMka.Graph;

/// <summary>A name of a file, there or not, so that two of them can be told to mean one.</summary>
public sealed class FileIdentity
{
    private static readonly StringComparison Folders =
        OperatingSystem.IsLinux() ? StringComparison.Ordinal : StringComparison.OrdinalIgnoreCase;

    private readonly string _path;
    private readonly (ulong Device, ulong Number)? _onDisk;

    /// <summary>Opens nothing.</summary>
    public FileIdentity(string path)
    {
        _path = RealPath.Of(path);
        _onDisk = OperatingSystem.IsLinux() ? NativeFileNumber.Of(_path) : null;
    }

    /// <summary>
    /// The same path once links are followed. Whether a folder tells upper from lower case is known only by trying, so names in one folder
    /// that differ in nothing else are taken for one.
    /// </summary>
    public bool IsSameName(FileIdentity other) =>
        string.Equals(Path.GetDirectoryName(_path), Path.GetDirectoryName(other._path), Folders)
        && string.Equals(Path.GetFileName(_path), Path.GetFileName(other._path), StringComparison.OrdinalIgnoreCase);

    /// <summary>The same name, or two names of one file on disk: what is written into one is in the other.</summary>
    public bool IsSameFile(FileIdentity other) => IsSameName(other) || (_onDisk is not null && _onDisk == other._onDisk);

    /// <summary>True where this lies somewhere below a folder.</summary>
    public bool IsBelow(FileIdentity folder) => RealPath.IsInside(_path, folder._path);
}

internal static partial class NativeFileNumber
{
    private const int CurrentFolder = -100;
    private const uint NumberOnly = 0x100;
    private const int NumberOffset = 32;
    private const int DeviceOffset = 136;

    /// <summary>statx(2); null where there is no such file.</summary>
    public static (ulong Device, ulong Number)? Of(string path)
    {
        Span<byte> status = stackalloc byte[256];
        if (Statx(CurrentFolder, path, 0, NumberOnly, status) != 0) return null;
        var device = BinaryPrimitives.ReadUInt64LittleEndian(status[DeviceOffset..]);
        return (device, BinaryPrimitives.ReadUInt64LittleEndian(status[NumberOffset..]));
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int folder, string path, int flags, uint mask, Span<byte> status);
}
