using System.Text;

namespace OnnxMka.Graph;

/// <summary>Small files that are written at once.</summary>
public static class WholeFile
{
    /// <summary>
    /// Into what has that name, or a new file. Throws <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/> where that is
    /// not possible.
    /// </summary>
    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        try
        {
            File.WriteAllBytes(path, bytes);
        }
        catch (ArgumentOutOfRangeException e)
        {
            // What .NET makes of EFBIG: a shell may have set a limit (ulimit -f).
            throw new IOException($"No file of {bytes.Length:N0} bytes is allowed there", e);
        }
    }

    /// <summary>As UTF-8 without a mark.</summary>
    public static void Write(string path, string text) => Write(path, Encoding.UTF8.GetBytes(text));
}
