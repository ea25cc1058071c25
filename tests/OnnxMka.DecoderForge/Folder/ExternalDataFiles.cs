using Google.Protobuf;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Moves initializers out of a model into files beside it, as the exporters do.</summary>
internal static class ExternalDataFiles
{
    private const int BigTensor = 1 << 20;
    private const int BigAlignment = 1 << 16;

    public static void Write(ModelProto model, string folder, GraphForm form)
    {
        if (form.Data == DataPlace.Inline) return;
        if (form.Data == DataPlace.OneFile)
            WriteOne(model, folder, form.Dialect == DialectKind.TorchScript ? "model.onnx_data" : "model.onnx.data");
        else WriteEach(model, folder);
    }

    /// <summary>Ascending by size; tensors above 1 MiB start at multiples of 64 KiB.</summary>
    private static void WriteOne(ModelProto model, string folder, string file)
    {
        using var stream = File.Create(Path.Combine(folder, file));
        foreach (var tensor in model.Graph.Initializer.OrderBy(t => t.RawData.Length))
        {
            var bytes = tensor.RawData.Span;
            if (bytes.Length > BigTensor)
                stream.SetLength(stream.Position = (stream.Position + BigAlignment - 1) / BigAlignment * BigAlignment);
            Refer(tensor, file, stream.Position);
            stream.Write(bytes);
            tensor.ClearRawData();
        }
    }

    /// <summary>TorchScript above 2 GB: weights in files of their own, named after them, without an offset.</summary>
    private static void WriteEach(ModelProto model, string folder)
    {
        foreach (var tensor in model.Graph.Initializer.Where(t => t.Dims.Count > 0))
        {
            var file = tensor.Name.Replace("::", "__", StringComparison.Ordinal).Replace('/', '_');
            File.WriteAllBytes(Path.Combine(folder, file), tensor.RawData.ToByteArray());
            Refer(tensor, file, null);
            tensor.ClearRawData();
        }
    }

    private static void Refer(TensorProto tensor, string file, long? offset)
    {
        var length = tensor.RawData.Length;
        tensor.DataLocation = TensorProto.Types.DataLocation.External;
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = file });
        if (offset is not { } start) return;
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = $"{start}" });
        tensor.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = $"{length}" });
    }
}
