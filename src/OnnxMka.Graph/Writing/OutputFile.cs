using Microsoft.Win32.SafeHandles;

namespace OnnxMka.Graph;

/// <summary>
/// A new file that is filled from front to back. Every window goes on its way to disk as soon as it is full, so that the final flush has
/// little left to do. A file that passes memory by also gives the pages of each window back once they are on disk.
/// </summary>
internal sealed class OutputFile : IDisposable
{
    /// <summary>Large against what a disk transfers in one go, small against memory.</summary>
    private const long Window = 32 << 20;

    private readonly long _length;
    private readonly bool _passesMemory;
    private long _started; // bytes on their way to disk
    private long _dropped; // bytes that are there, their pages given back

    /// <param name="length">Bytes that the file will have: reserved at once.</param>
    /// <param name="passesMemory">Keep neither this file nor what it is made from in the page cache.</param>
    public OutputFile(string path, long length, bool passesMemory)
    {
        _length = length;
        _passesMemory = passesMemory;
        Handle = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, FileOptions.None, length);
    }

    public SafeFileHandle Handle { get; }

    public void Write(ReadOnlySpan<byte> bytes, long position)
    {
        try
        {
            RandomAccess.Write(Handle, bytes, position);
        }
        catch (ArgumentOutOfRangeException e)
        {
            // What .NET makes of EFBIG: FAT32 ends at 4 GB, and a shell may have set a limit (ulimit -f).
            throw new IOException($"No file of {_length:N0} bytes is allowed there", e);
        }
    }

    /// <summary>All bytes before <paramref name="position"/> are written.</summary>
    public void Reached(long position)
    {
        if (position - _started < Window) return;
        PageAdvice.StartWriting(Handle, _started, position - _started);
        if (_passesMemory && _started > _dropped)
        {
            PageAdvice.AwaitWriting(Handle, _dropped, _started - _dropped);
            PageAdvice.Drop(Handle, _dropped, _started - _dropped);
            _dropped = _started;
        }

        _started = position;
    }

    /// <summary>A range of an input has been read for the last time.</summary>
    public void HasRead(SafeFileHandle input, long offset, long length)
    {
        if (_passesMemory) PageAdvice.Drop(input, offset, length);
    }

    /// <summary>Flushes everything to disk; that it cannot be written there shows here at the latest.</summary>
    public void Finish()
    {
        if (RandomAccess.GetLength(Handle) != _length) RandomAccess.SetLength(Handle, _length);
        DiskSync.File(Handle);
    }

    public void Dispose() => Handle.Dispose();
}
