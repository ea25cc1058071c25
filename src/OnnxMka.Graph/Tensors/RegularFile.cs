using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OnnxMka.Graph;

/// <summary>
/// Files that can be read at an offset. Opening a pipe would wait for a writer that never comes, so pipes are never opened.
/// </summary>
public static class RegularFile
{
    /// <summary>True for a plain file, or a link to one. Not for folders, pipes, sockets and devices.</summary>
    public static bool Is(string path) => File.Exists(path) && (!OperatingSystem.IsLinux() || NativeFileType.IsRegular(path));

    /// <summary>Opens for reading. Throws IOException where the path is no plain file.</summary>
    public static SafeFileHandle Open(string path)
    {
        if ((File.Exists(path) || Directory.Exists(path)) && !Is(path)) throw NotPlain();
        return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.SequentialScan);
    }

    /// <summary>Throws <see cref="InputFileException"/> where the path is no plain file. Opens nothing.</summary>
    public static void Require(string path)
    {
        if (!Is(path)) throw new InputFileException(path, NotPlain());
    }

    /// <summary>
    /// All bytes. Throws <see cref="InputFileException"/> where the path is no plain file, cannot be read or is longer than
    /// <paramref name="most"/>.
    /// </summary>
    public static byte[] ReadAllBytes(string path, int most) => InputFileException.Reading(path, () =>
    {
        using var file = new FileStream(Open(path), FileAccess.Read, 1);
        if (file.Length > most) throw new IOException($"It has {file.Length:N0} bytes, and at most {most:N0} are read");
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    });

    private static IOException NotPlain() => new("It is not a plain file");
}

internal static partial class NativeFileType
{
    private const int CurrentFolder = -100;
    private const uint TypeOnly = 1;
    private const int ModeOffset = 28;
    private const int TypeMask = 0xF000;
    private const int Regular = 0x8000;

    /// <summary>statx(2), whose layout is the same on every processor.</summary>
    public static bool IsRegular(string path)
    {
        Span<byte> status = stackalloc byte[256];
        return Statx(CurrentFolder, path, 0, TypeOnly, status) == 0
            && (BinaryPrimitives.ReadUInt16LittleEndian(status[ModeOffset..]) & TypeMask) == Regular;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int folder, string path, int flags, uint mask, Span<byte> status);
}
