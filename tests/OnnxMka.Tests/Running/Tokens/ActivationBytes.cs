using System.IO.Compression;
using System.Text;
using OnnxMka.Graph;

namespace OnnxMka.Tests.Running.Tokens;

/// <summary>Bytes of files with activations, and of what looks like one.</summary>
internal static class ActivationBytes
{
    public static string Header(string type, string shape) => $"{{'descr': '{type}', 'fortran_order': False, 'shape': ({shape}), }}\n";

    public static byte[] Npy(string header, byte[] data, byte version = 1, uint? headerLength = null)
    {
        var text = Encoding.UTF8.GetBytes(header);
        var length = BitConverter.GetBytes(headerLength ?? (uint)text.Length);
        return [0x93, .. "NUMPY"u8, version, 0, .. version == 1 ? length[..2] : length, .. text, .. data];
    }

    public static byte[] Npz(CompressionLevel level, params (string Name, byte[] Bytes)[] members)
    {
        using var memory = new MemoryStream();
        using (var archive = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, bytes) in members)
            {
                using var entry = archive.CreateEntry(name, level).Open();
                entry.Write(bytes);
            }
        }

        return memory.ToArray();
    }

    public static byte[] Safetensors(string header, byte[] data, ulong? headerLength = null)
    {
        var text = Encoding.UTF8.GetBytes(header);
        return [.. BitConverter.GetBytes(headerLength ?? (ulong)text.Length), .. text, .. data];
    }

    public static byte[] OneTensor(string shape, string offsets, byte[] data, string type = "F32") =>
        Safetensors($"{{{Tensor(shape, offsets, type)}}}", data);

    public static string Tensor(string shape, string offsets, string type = "F32") =>
        $$"""
        "x":{"dtype":"{{type}}","shape":[{{shape}}],"data_offsets":[{{offsets}}]}
        """;

    public static byte[] Bytes(float[] values, ElementType type)
    {
        var bytes = new byte[values.Length * type.Bits() / 8];
        FloatCodec.Encode(type, Array.ConvertAll(values, v => (double)v), bytes);
        return bytes;
    }

    public static byte[] Flipped(byte[] bytes, int at)
    {
        bytes[at] ^= 1;
        return bytes;
    }

    /// <summary>Sets the uncompressed size in the central directory: 24 bytes behind its signature.</summary>
    public static byte[] ClaimedSize(byte[] npz, uint size)
    {
        var copy = npz.ToArray();
        var directory = copy.AsSpan().LastIndexOf("PK\u0001\u0002"u8);
        BitConverter.TryWriteBytes(copy.AsSpan(directory + 24), size);
        return copy;
    }
}
