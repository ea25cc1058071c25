using OnnxMka.Emission;
using OnnxMka.Graph;
using OnnxMka.Outcomes;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Cli;

/// <summary>Small text files that the user named.</summary>
internal static class TextFile
{
    /// <summary>Far above the analysis of a thousand blocks; a model given by mistake is not read into memory.</summary>
    private const int MaxBytes = 64 << 20;

    /// <summary>
    /// Refuses a name that cannot be written to, before hours are spent on what would stand there; a file that exists stays as it is.
    /// </summary>
    public static void CheckWritable(params IEnumerable<FileInfo?> files)
    {
        foreach (var file in files.OfType<FileInfo>())
        {
            if (Directory.Exists(file.FullName)) throw new OutputException($"Cannot write {file}: it is a folder.");
            if (!file.Exists) OutputTarget.RequireWritable(file.DirectoryName!);
            else if (RegularFile.Is(file.FullName))
                Writing(file, () => File.OpenHandle(file.FullName, FileMode.Open, FileAccess.Write).Dispose());
        }
    }

    public static void Write(FileInfo file, string text) => Writing(file, () =>
    {
        file.Directory?.Create();
        WholeFile.Write(file.FullName, text);
    });

    /// <summary>Of a pipe too: what comes out of one has no length before it ends. Refuses as <see cref="TextDecoding"/> does.</summary>
    public static string Read(FileInfo file) => TextDecoding.Of(Bytes(file), file.Name);

    private static byte[] Bytes(FileInfo file) => InputFileException.Reading(file.ToString(), () =>
    {
        using var stream = file.OpenRead();
        using var bytes = new MemoryStream();
        var buffer = new byte[1 << 16];
        while (stream.Read(buffer) is > 0 and var count)
        {
            bytes.Write(buffer.AsSpan(0, count));
            if (bytes.Length > MaxBytes) throw new IOException($"It has more than {MaxBytes:N0} bytes");
        }

        return bytes.ToArray();
    });

    private static void Writing(FileInfo file, Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Cannot write {file}: {e.Message.TrimEnd('.')}.", e);
        }
    }
}
