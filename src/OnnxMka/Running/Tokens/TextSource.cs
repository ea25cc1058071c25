using System.Security.Cryptography;

namespace OnnxMka.Running.Tokens;

/// <summary>A text and its fingerprint.</summary>
/// <param name="Sha256">Of the bytes as stored, lower-case hex.</param>
internal sealed record TextSource(string Text, string Name, string Sha256)
{
    /// <summary>About 300 kB of public-domain novels; see <c>Text/SOURCES.md</c>.</summary>
    public static TextSource BuiltInCalibration => Resource("calibration.txt", "built-in prose");

    /// <summary>About 120 kB from other places of the same novels, never used for calibration.</summary>
    public static TextSource BuiltInHeldBack => Resource("heldback.txt", "built-in held-back prose");

    /// <summary>A file of text. Refuses as <see cref="TextDecoding"/> does.</summary>
    public static TextSource FromFile(string path) => FromFile(path, null);

    /// <param name="files">Takes the bytes too, where a fingerprint covers several files.</param>
    internal static TextSource FromFile(string path, IncrementalHash? files)
    {
        var bytes = Graph.InputFileException.Reading(path, () => File.ReadAllBytes(path));
        files?.AppendData(bytes);
        return Of(bytes, Path.GetFileName(path));
    }

    private static TextSource Resource(string file, string name)
    {
        using var stream = typeof(TextSource).Assembly.GetManifestResourceStream($"OnnxMka.Running.Tokens.Text.{file}")!;
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        return Of(memory.ToArray(), name);
    }

    private static TextSource Of(byte[] bytes, string name) =>
        new(TextDecoding.Of(bytes, name), name, Convert.ToHexStringLower(SHA256.HashData(bytes)));
}
