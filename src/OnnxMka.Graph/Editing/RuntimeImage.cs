using Google.Protobuf;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph.Editing;

/// <summary>
/// A model as ONNX Runtime loads it without a file being written: structure as bytes, every weight as external data that points
/// into the file where it already lies (the <c>.onnx</c> itself included). Computed tensors are filled in. Weights are no ports:
/// none is fed, and the C# binding cannot describe a port of 4-bit integers.
/// </summary>
/// <param name="Bytes">The model proto.</param>
/// <param name="DataFolder">Folder that the external locations are relative to.</param>
public sealed record RuntimeImage(byte[] Bytes, string DataFolder)
{
    /// <summary>protobuf's own limit for one message; a little is left for the structure.</summary>
    private const long InMemoryLimit = int.MaxValue - (64L << 20);

    /// <summary>Memory: structure plus computed tensors. Refuses more than 2 GB of those: emit the model instead.</summary>
    public static RuntimeImage Of(OnnxModel model)
    {
        var proto = model.Proto.Clone();
        if (proto.IrVersion >= EditSession.FirstWithoutInitializerPorts)
        {
            var weights = proto.Graph.Initializer.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
            GraphEditor.Keep(proto.Graph.Input, i => !weights.Contains(i.Name));
        }

        using var reader = new TensorReader();
        var initializers = proto.Graph.Initializer.ToHashSet<TensorProto>(ReferenceEqualityComparer.Instance);
        var tensors = TensorWalk.All(proto).Where(t => t.HasPayload)
            .Select(t => (Proto: t, Reference: model.Reference(t)))
            .ToLookup(t => t.Reference.Content is FileRange && initializers.Contains(t.Proto));
        var copied = tensors[false].Sum(t => t.Reference.ByteLength);
        if (copied > InMemoryLimit)
        {
            throw new RefusedException(
                "MKA008",
                Path.GetFileName(model.Path),
                $"{copied} bytes of its tensors would have to be held in memory",
                "Write the model to a file and load that");
        }

        var root = CommonFolder(tensors[true].Select(t => ((FileRange)t.Reference.Content).Path), model.Path);
        foreach (var (tensor, reference) in tensors[true]) External(tensor, (FileRange)reference.Content, root);
        foreach (var (tensor, reference) in tensors[false])
        {
            Clear(tensor);
            tensor.RawData = UnsafeByteOperations.UnsafeWrap(reader.ReadBytes(reference));
        }

        return new RuntimeImage(proto.ToByteArray(), root);
    }

    private static void Clear(TensorProto tensor)
    {
        tensor.ClearPayload();
        tensor.ClearDataLocation();
        tensor.ExternalData.Clear();
    }

    private static void External(TensorProto tensor, FileRange range, string root)
    {
        Clear(tensor);
        tensor.DataLocation = TensorProto.Types.DataLocation.External;
        var location = Path.GetRelativePath(root, range.Path).Replace(Path.DirectorySeparatorChar, '/');
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
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
