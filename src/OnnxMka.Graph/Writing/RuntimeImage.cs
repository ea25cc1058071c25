using Google.Protobuf;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph;

/// <summary>
/// A model as ONNX Runtime loads it without a file being written: structure as bytes, every weight as external data that points
/// into the file where it already lies (the <c>.onnx</c> itself included). Computed tensors are filled in.
/// </summary>
/// <param name="Bytes">The model proto.</param>
/// <param name="DataFolder">Folder that the external locations are relative to.</param>
public sealed record RuntimeImage(byte[] Bytes, string DataFolder)
{
    /// <summary>Memory: structure plus computed tensors. Refuses more than 2 GB of those: emit the model instead.</summary>
    public static RuntimeImage Of(OnnxModel model)
    {
        var proto = model.Proto.Clone();
        using var reader = new TensorReader();
        var initializers = proto.Graph.Initializer.ToHashSet();
        var ranges = TensorWalk.All(proto).Where(t => t.HasPayload)
            .Select(t => (Tensor: t, Reference: model.Reference(t)))
            .ToArray();
        var root = CommonFolder(ranges.Select(r => r.Reference.Content).OfType<FileRange>().Select(r => r.Path), model.Path);
        foreach (var (tensor, reference) in ranges)
        {
            tensor.ClearPayload();
            tensor.ExternalData.Clear();
            tensor.ClearDataLocation();
            if (reference.Content is FileRange range && initializers.Contains(tensor)) External(tensor, range, root);
            else tensor.RawData = UnsafeByteOperations.UnsafeWrap(reader.ReadBytes(reference));
        }

        return new RuntimeImage(proto.ToByteArray(), root);
    }

    private static void External(TensorProto tensor, FileRange range, string root)
    {
        tensor.DataLocation = TensorProto.Types.DataLocation.External;
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = Path.GetRelativePath(root, range.Path).Replace('\\', '/') });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = range.Offset.ToString() });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = range.Length.ToString() });
    }

    private static string CommonFolder(IEnumerable<string> files, string modelPath)
    {
        string? common = null;
        foreach (var folder in files.Select(f => Path.GetDirectoryName(f)!).Distinct(StringComparer.Ordinal))
        {
            common ??= folder;
            while (folder != common && !RealPath.IsInside(folder, common)) common = Path.GetDirectoryName(common)!;
        }

        return common ?? Path.GetDirectoryName(Path.GetFullPath(modelPath))!;
    }
}
