using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text.Json;
using OnnxMka.Graph;

namespace OnnxMka.Running.Activations.Files;

/// <summary>
/// safetensors: the header's length in 8 bytes, a JSON header, then the bytes of all tensors.
/// <code>{"activations": {"dtype": "F32", "shape": [L, N, H], "data_offsets": [0, 4LNH]}, "__metadata__": {...}}</code>
/// </summary>
internal static class SafetensorsArray
{
    private const int LengthBytes = 8;
    private const long LongestHeader = 16L << 20;
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 8, AllowDuplicateProperties = false };

    public static ActivationArray Open(FileStream file, string name)
    {
        var length = new byte[LengthBytes];
        file.ReadExactly(length);
        var header = BinaryPrimitives.ReadUInt64LittleEndian(length);
        if (header > LongestHeader || (long)header > file.Length - LengthBytes)
        {
            throw ActivationFile.Bad(
                name, $"its header of {header} bytes does not fit in the file or is longer than {LongestHeader} bytes");
        }

        var json = new byte[(int)header];
        file.ReadExactly(json);
        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            var tensors = document.RootElement.EnumerateObject().Where(p => p.Name != "__metadata__").ToArray();
            return Tensor(file, ActivationFile.Choose(tensors, t => t.Name, name), file.Length - LengthBytes - json.Length, name);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw ActivationFile.Bad(name, "its header is no list of tensors with dtype, shape and data_offsets", e);
        }
    }

    private static ActivationArray Tensor(FileStream file, JsonProperty tensor, long dataBytes, string name)
    {
        var where = $"{name}, {tensor.Name}";
        var type = tensor.Value.GetProperty("dtype").GetString() switch
        {
            "F32" => ElementType.Float,
            "F16" => ElementType.Float16,
            "BF16" => ElementType.BFloat16,
            "F64" => ElementType.Double,
            var other => throw ActivationFile.Bad(where, $"its elements are of type {other}"),
        };
        var shape = tensor.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64()).ToImmutableArray();
        var offsets = tensor.Value.GetProperty("data_offsets").EnumerateArray().Select(o => o.GetInt64()).ToArray();
        if (offsets is not [>= 0 and var start, var end] || end < start || end > dataBytes)
            throw ActivationFile.Bad(where, $"its place [{string.Join(", ", offsets)}] is not inside the {dataBytes} bytes of data");
        var needed = ActivationArray.ByteLength(type, shape);
        if (needed != end - start)
            throw ActivationFile.Bad(where, $"its shape [{string.Join(", ", shape)}] does not take the {end - start} bytes that it has");
        file.Position = file.Length - dataBytes + start;
        return new ActivationArray(where, type, shape, file, () => { });
    }
}
