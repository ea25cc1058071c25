using System.Buffers.Binary;
using OnnxMka.Graph;

namespace OnnxMka.Running.Activations.Files;

/// <summary>
/// npy: magic, version, the header's length, a header in Python's notation, then the elements.
/// <code>\x93NUMPY 1 0 118  {'descr': '&lt;f4', 'fortran_order': False, 'shape': (16, 256, 128), }   elements</code>
/// </summary>
internal static class NpyArray
{
    private const int LongestHeader = 1 << 16;

    public static bool HasMagic(ReadOnlySpan<byte> start) => start[0] == 0x93 && start[1..6].SequenceEqual("NUMPY"u8);

    /// <param name="length">Bytes of the stream, header and elements.</param>
    public static ActivationArray Open(Stream stream, long length, string name, Action? checkEnd = null)
    {
        var start = new byte[8];
        stream.ReadExactly(start);
        if (!HasMagic(start) || start[6] is < 1 or > 3)
            throw ActivationFile.Bad(name, "it is no npy array of version 1, 2 or 3");
        var size = new byte[start[6] == 1 ? 2 : 4];
        stream.ReadExactly(size);
        var headerLength = size.Length == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(size) : BinaryPrimitives.ReadUInt32LittleEndian(size);
        if (headerLength > LongestHeader) throw ActivationFile.Bad(name, $"its header has {headerLength} bytes");
        var header = new byte[headerLength];
        stream.ReadExactly(header);
        var parsed = NpyHeader.Parse(header, name);
        if (parsed.FortranOrder)
            throw ActivationFile.Bad(name, "its elements are in Fortran order (save numpy.ascontiguousarray of it)");
        var type = parsed.Type switch
        {
            "<f4" => ElementType.Float,
            "<f2" => ElementType.Float16,
            "<f8" => ElementType.Double,
            _ => throw ActivationFile.Bad(name, $"its elements are of type '{parsed.Type}' (known are little-endian <f2, <f4, <f8)"),
        };
        var data = length - start.Length - size.Length - header.Length;
        if (ActivationArray.ByteLength(type, parsed.Shape) != data)
            throw ActivationFile.Bad(name, $"its shape [{string.Join(", ", parsed.Shape)}] does not take the {data} bytes that it has");
        return new ActivationArray(name, type, parsed.Shape, stream, checkEnd ?? (() => { }));
    }
}
