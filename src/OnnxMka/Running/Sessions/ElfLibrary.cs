using System.Buffers.Binary;
using System.Text;

namespace OnnxMka.Running.Sessions;

/// <summary>The libraries that a shared library asks for (DT_NEEDED), from its section headers: 64-bit little-endian ELF.</summary>
internal static class ElfLibrary
{
    private const int HeaderBytes = 64;
    private const uint DynamicSection = 6; // SHT_DYNAMIC
    private const long Needed = 1; // DT_NEEDED

    /// <exception cref="InvalidDataException">Not such a file.</exception>
    public static string[] NeededBy(string path)
    {
        using var file = File.OpenRead(path);
        var header = Read(file, 0, HeaderBytes);
        if (!header.AsSpan(0, 6).SequenceEqual((ReadOnlySpan<byte>)[0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1])) throw Damaged(path);
        var place = Long(header, 40);
        var size = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(58));
        var count = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(60));
        if (size < HeaderBytes || place < 0 || place > file.Length - ((long)size * count)) throw Damaged(path);
        var sections = Enumerable.Range(0, count).Select(i => Read(file, place + ((long)i * size), HeaderBytes)).ToArray();
        var dynamic = Array.Find(sections, s => BinaryPrimitives.ReadUInt32LittleEndian(s.AsSpan(4)) == DynamicSection)
            ?? throw Damaged(path);
        var link = BinaryPrimitives.ReadUInt32LittleEndian(dynamic.AsSpan(40));
        if (link >= count) throw Damaged(path);
        var entries = Content(file, dynamic, path); // (tag, value) pairs of 8 bytes each
        var names = Content(file, sections[link], path);
        return
        [
            .. Enumerable.Range(0, entries.Length / 16)
                .Where(i => Long(entries, 16 * i) == Needed)
                .Select(i => Name(names, Long(entries, (16 * i) + 8), path)),
        ];
    }

    private static byte[] Content(FileStream file, byte[] section, string path)
    {
        var (offset, length) = (Long(section, 24), Long(section, 32));
        return offset >= 0 && length is >= 0 and < int.MaxValue && offset <= file.Length - length
            ? Read(file, offset, (int)length)
            : throw Damaged(path);
    }

    private static string Name(byte[] names, long start, string path)
    {
        if (start < 0 || start >= names.Length) throw Damaged(path);
        var text = names.AsSpan((int)start);
        return text.IndexOf((byte)0) is >= 0 and var end ? Encoding.UTF8.GetString(text[..end]) : throw Damaged(path);
    }

    private static byte[] Read(FileStream file, long offset, int length)
    {
        if (offset + length > file.Length) throw Damaged(file.Name);
        var bytes = new byte[length];
        file.Position = offset;
        file.ReadExactly(bytes);
        return bytes;
    }

    private static long Long(byte[] bytes, int offset) => BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(offset));

    private static InvalidDataException Damaged(string path) => new($"{path} is no 64-bit ELF library");
}
