using System.Buffers.Binary;
using System.Text;

namespace OnnxMka.Tests;

/// <summary>An ELF file that asks for libraries and holds nothing else: header, names, dynamic entries, three section headers.</summary>
internal static class FakeLibrary
{
    private const int Header = 64;

    public static void Write(string path, params string[] needed)
    {
        var names = Encoding.ASCII.GetBytes("\0" + string.Concat(needed.Select(n => n + "\0")));
        var dynamic = new byte[16 * (needed.Length + 1)]; // the last pair is DT_NULL
        for (int i = 0, start = 1; i < needed.Length; start += needed[i].Length + 1, i++)
        {
            Put(dynamic, 16 * i, 1);
            Put(dynamic, (16 * i) + 8, start);
        }

        var head = new byte[Header];
        ((byte[])[0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]).CopyTo(head, 0);
        Put(head, 40, Header + names.Length + dynamic.Length);
        head[58] = Header;
        head[60] = 3;
        byte[] sections =
        [
            .. new byte[Header],
            .. Section(3, Header, names.Length, 0),
            .. Section(6, Header + names.Length, dynamic.Length, 1),
        ];
        File.WriteAllBytes(path, [.. head, .. names, .. dynamic, .. sections]);
    }

    private static byte[] Section(byte type, long offset, long length, byte link)
    {
        var section = new byte[Header];
        section[4] = type;
        Put(section, 24, offset);
        Put(section, 32, length);
        section[40] = link;
        return section;
    }

    private static void Put(byte[] bytes, int place, long value) => BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(place), value);
}
