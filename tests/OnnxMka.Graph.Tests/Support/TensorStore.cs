using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Google.Protobuf;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Tests;

/// <summary>Puts raw tensor bytes where a <see cref="Storage"/> has them, and keeps the data files that this makes.</summary>
internal sealed class TensorStore(Storage storage)
{
    private readonly Dictionary<string, MemoryStream> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, byte[]> _expected = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, byte[]> Files => _files.ToDictionary(f => f.Key, f => f.Value.ToArray(), StringComparer.Ordinal);

    /// <summary>Raw bytes by tensor name: what a reader must give.</summary>
    public IReadOnlyDictionary<string, byte[]> Expected => _expected;

    public TensorProto Put(string name, ElementType type, long[] dims, byte[] raw)
    {
        _expected.Add(name, raw);
        var tensor = new TensorProto { Name = name, DataType = (int)type };
        tensor.Dims.AddRange(dims);
        switch (storage)
        {
            case Storage.Inline: tensor.RawData = ByteString.CopyFrom(raw); break;
            case Storage.Typed: PutTyped(tensor, type, raw); break;
            case Storage.FilePerTensor: PutExternal(tensor, name, raw, withRange: false); break;
            default: PutExternal(tensor, Location(_expected.Count), raw, withRange: true); break;
        }

        return tensor;
    }

    private string Location(int number) => storage switch
    {
        Storage.External => "model.onnx.data",
        Storage.Chunks => (number % 3) switch { 1 => "model.onnx_data", var n => $"model.onnx_data_{(n + 2) % 3}" },
        _ => number % 2 == 0 ? "even.bin" : "parts/odd.bin",
    };

    private void PutExternal(TensorProto tensor, string location, byte[] raw, bool withRange)
    {
        if (!_files.TryGetValue(location, out var file))
        {
            _files.Add(location, file = new MemoryStream());
            // Bytes that belong to no tensor, and an offset that is no multiple of anything.
            if (withRange) file.Write([0xAA, 0xBB, 0xCC]);
        }

        tensor.DataLocation = TensorProto.Types.DataLocation.External;
        Entry(tensor, "location", location);
        if (withRange)
        {
            Entry(tensor, "offset", file.Length.ToString());
            Entry(tensor, "length", raw.Length.ToString());
        }

        file.Write(raw);
    }

    public static void Entry(TensorProto tensor, string key, string value) =>
        tensor.ExternalData.Add(new StringStringEntryProto { Key = key, Value = value });

    private static void PutTyped(TensorProto tensor, ElementType type, byte[] raw)
    {
        switch (type)
        {
            case ElementType.Float: tensor.FloatData.AddRange(MemoryMarshal.Cast<byte, float>(raw).ToArray()); break;
            case ElementType.Double: tensor.DoubleData.AddRange(MemoryMarshal.Cast<byte, double>(raw).ToArray()); break;
            case ElementType.Int64: tensor.Int64Data.AddRange(MemoryMarshal.Cast<byte, long>(raw).ToArray()); break;
            case ElementType.Int32: tensor.Int32Data.AddRange(MemoryMarshal.Cast<byte, int>(raw).ToArray()); break;
            case ElementType.UInt64: tensor.Uint64Data.AddRange(MemoryMarshal.Cast<byte, ulong>(raw).ToArray()); break;
            case ElementType.Float16 or ElementType.BFloat16:
                for (var i = 0; i < raw.Length; i += 2) tensor.Int32Data.Add(BinaryPrimitives.ReadUInt16LittleEndian(raw.AsSpan(i)));
                break;
            default:
                foreach (var b in raw) tensor.Int32Data.Add(b);
                break;
        }
    }
}
