using System.IO.Compression;

namespace OnnxMka.Running.Activations.Files;

/// <summary>npz: a zip archive of npy arrays, stored or deflated.</summary>
internal static class NpzArray
{
    /// <summary>No deflate stream grows more than 1032 to 1 (zlib's own figure): what claims more is not allocated for.</summary>
    private const long MostGrowth = 1032;

    private const string Extension = ".npy";

    public static ActivationArray Open(FileStream file, string name)
    {
        var archive = new ZipArchive(file, ZipArchiveMode.Read);
        var arrays = archive.Entries.Where(e => e.FullName.EndsWith(Extension, StringComparison.Ordinal)).ToArray();
        var entry = ActivationFile.Choose(arrays, e => e.FullName[..^Extension.Length], name);
        var where = $"{name}, {entry.FullName}";
        if (entry.IsEncrypted) throw ActivationFile.Bad(where, "it is encrypted");
        if (entry.CompressedLength > file.Length || entry.Length > (entry.CompressedLength + 1) * MostGrowth)
            throw ActivationFile.Bad(where, $"its {entry.CompressedLength} compressed bytes cannot hold the {entry.Length} that it claims");
        var content = new Crc32Stream(entry.Open());
        return NpyArray.Open(content, entry.Length, where, () =>
        {
            if (content.Checksum != entry.Crc32) throw ActivationFile.Bad(where, "its checksum is wrong: the file is damaged");
        });
    }
}
