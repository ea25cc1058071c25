using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph;

/// <summary>One external data file of the output: its pieces in order.</summary>
internal sealed class DataFileLayout(string name)
{
    private readonly List<OutputPiece> _pieces = [];

    public string Name { get; } = name;

    public IReadOnlyList<OutputPiece> Pieces => _pieces;

    public long Length { get; private set; }

    /// <summary>Bytes that tensors use; the rest is alignment.</summary>
    public long Referenced { get; private set; }

    /// <summary>Where a tensor would start: a multiple of what runtimes need in order to map it.</summary>
    public long NextOffset(TensorContent content)
    {
        var alignment = content.Length >= 1 << 20 ? 65536 : 4096;
        return (Length + alignment - 1) / alignment * alignment;
    }

    public long Append(TensorContent content, string tensor)
    {
        var offset = NextOffset(content);
        if (offset > Length) _pieces.Add(new PaddingPiece(offset - Length));
        _pieces.Add(new ContentPiece(content, tensor));
        Length = offset + content.Length;
        Referenced += content.Length;
        return offset;
    }
}

/// <summary>
/// Where each tensor of the output goes. The input's style is mirrored: data inside stay inside; one data file stays one, named
/// after the new model as the old was after the old (<c>model.onnx.data</c>, <c>model.onnx_data</c>); numbered chunks
/// (<c>model.onnx_data_1</c>) stay chunks of at most the old size. Anything else (a file a tensor, safetensors) becomes one
/// <c>NAME.onnx.data</c>. Offsets are multiples of 4096, from 1 MiB on of 65536, so that every runtime can map them.
/// </summary>
internal sealed class DataLayout
{
    /// <summary>protobuf's own limit for one message; a little is left for the structure.</summary>
    private const long InlineModelLimit = int.MaxValue - (64L << 20);

    private readonly Dictionary<(string Path, long Offset, long Length), (string File, long Offset)> _placed = [];

    private DataLayout()
    {
    }

    public List<DataFileLayout> Files { get; } = [];

    /// <summary>
    /// Moves tensors of <paramref name="proto"/> (a clone) to their external places; those left with a payload stay inside.
    /// </summary>
    public static DataLayout Place(OnnxModel model, ModelProto proto, string fileName, bool forceExternal)
    {
        var layout = new DataLayout();
        var tensors = TensorWalk.All(proto)
            .Where(t => t.HasPayload)
            .Select(t => (Proto: t, Content: model.Payloads[(int)t.Payload - 1]))
            .ToArray();
        var inside = tensors.Where(t => t.Proto.DataLocation != TensorProto.Types.DataLocation.External).ToArray();
        var spill = forceExternal || inside.Sum(t => t.Content.Length) > InlineModelLimit;
        var initializers = proto.Graph.Initializer.ToHashSet<TensorProto>(ReferenceEqualityComparer.Instance);
        var outside = tensors
            .Where(t => t.Proto.DataLocation == TensorProto.Types.DataLocation.External || (spill && initializers.Contains(t.Proto)))
            .ToArray();
        var style = DataFileNaming.Of([.. outside.Select(t => (ExternalData.Location(t.Proto), t.Content))], model.Path, fileName);
        foreach (var (tensor, content) in outside) layout.Append(tensor, Raw(model, tensor, content), style);
        return layout;
    }

    private static TensorContent Raw(OnnxModel model, TensorProto tensor, TensorContent content) =>
        content is PackedVarints packed ? new DecodedVarints(packed, model.Reference(tensor)) : content;

    private void Append(TensorProto tensor, TensorContent content, DataFileNaming style)
    {
        var key = content is FileRange range ? (range.Path, range.Offset, range.Length) : default;
        if (key == default || !_placed.TryGetValue(key, out var place))
        {
            if (Files.Count == 0 || (Files[^1].Length > 0 && Files[^1].NextOffset(content) > style.ChunkLimit - content.Length))
                Files.Add(new DataFileLayout(style.Chunk(Files.Count)));
            place = (Files[^1].Name, Files[^1].Append(content, tensor.Name));
            if (key != default) _placed[key] = place;
        }

        tensor.ClearPayload();
        tensor.DataLocation = TensorProto.Types.DataLocation.External;
        tensor.ExternalData.Clear();
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = place.File });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = place.Offset.ToString() });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = content.Length.ToString() });
    }
}
