using Google.Protobuf;

namespace OnnxMka.Graph;

/// <summary>What a write made: files (the model first), their sizes, and how many of the data bytes tensors use.</summary>
/// <param name="Files">Absolute paths with their sizes in bytes.</param>
/// <param name="DataBytes">Bytes of the external data files.</param>
/// <param name="ReferencedBytes">Bytes of those files that tensors refer to; the rest is alignment.</param>
public sealed record WrittenModel(IReadOnlyList<KeyValuePair<string, long>> Files, long DataBytes, long ReferencedBytes)
{
    public long TotalBytes => Files.Sum(f => f.Value);
}

/// <summary>A planned write: sizes are known before a byte is written.</summary>
public sealed class ModelWriter
{
    private readonly string _fileName;
    private readonly List<OutputPiece> _modelPieces;
    private readonly DataLayout _layout;
    private readonly long _inputBytes;

    private ModelWriter(string fileName, List<OutputPiece> modelPieces, DataLayout layout, long inputBytes)
    {
        _fileName = fileName;
        _modelPieces = modelPieces;
        _layout = layout;
        _inputBytes = inputBytes;
    }

    /// <summary>Bytes that <see cref="Write"/> will put on disk.</summary>
    public long TotalBytes => _modelPieces.Sum(p => p.Length) + _layout.Files.Sum(f => f.Length);

    /// <summary>Names that <see cref="Write"/> will give, the model's first.</summary>
    public IReadOnlyList<string> FileNames => [_fileName, .. _layout.Files.Select(f => f.Name)];

    internal IReadOnlyList<DataFileLayout> DataFiles => _layout.Files;

    /// <summary>
    /// Lays the model out under the file name it will have; <paramref name="forceExternal"/> moves all weights to a data file.
    /// </summary>
    public static ModelWriter Plan(OnnxModel model, string fileName, bool forceExternal = false)
    {
        var proto = model.Proto.Clone();
        var layout = DataLayout.Place(model, proto, fileName, forceExternal);
        return new ModelWriter(
            fileName, ModelSplicer.Splice(proto.ToByteArray(), model.Payloads), layout, model.Payloads.Sum(p => p.Length));
    }

    /// <summary>
    /// Streams model and data files into an existing folder. Nothing of them may exist there. Progress counts bytes.
    /// Where memory has no room for what is read and written, neither is kept in the page cache: it would push out what others use and gain
    /// nothing.
    /// </summary>
    public WrittenModel Write(string folder, IProgress<long>? progress = null, CancellationToken ct = default)
    {
        using var reader = new TensorReader();
        var writer = new PieceWriter(
            reader, progress, ct, passesMemory: _inputBytes + TotalBytes > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        var files = new List<KeyValuePair<string, long>>();
        foreach (var (name, pieces) in _layout.Files.Select(f => (f.Name, f.Pieces)).Append((_fileName, _modelPieces)))
        {
            var path = Path.Combine(folder, name);
            writer.Write(path, pieces);
            files.Add(KeyValuePair.Create(path, pieces.Sum(p => p.Length)));
        }

        return new WrittenModel([files[^1], .. files[..^1]], _layout.Files.Sum(f => f.Length), _layout.Files.Sum(f => f.Referenced));
    }
}
