using System.Globalization;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph;

/// <summary>
/// External tensor data of a model: <c>location</c> is resolved inside the model's folder only (or, in a download cache where
/// model and data are links into one folder of blobs, inside that one), and offset and length inside the file.
/// </summary>
internal static class ExternalData
{
    public static string? Location(TensorProto tensor) => Entry(tensor, "location");

    /// <summary>Marks every external tensor with a payload that names its file, offset and length.</summary>
    public static void Resolve(string modelPath, ModelProto proto, List<TensorContent> payloads)
    {
        var files = new Dictionary<string, (string Path, long Length)>(StringComparer.Ordinal);
        foreach (var tensor in TensorWalk.All(proto))
        {
            if (tensor.Segment is not null)
                throw Bad(tensor, "it is stored in segments", "Export the model again: no current exporter writes segments");
            if (tensor.DataLocation != TensorProto.Types.DataLocation.External) continue;
            if (tensor.HasPayload || tensor.HasRawData)
                throw Bad(tensor, "it has data inside the model and outside", "Export the model again");
            var location = Location(tensor) ?? throw Bad(tensor, "its external data have no location", "Export the model again");
            if (!files.TryGetValue(location, out var file))
            {
                file = Open(modelPath, location, tensor);
                files.Add(location, file);
            }

            payloads.Add(Range(tensor, file.Path, file.Length, location));
            tensor.Payload = (uint)payloads.Count;
        }
    }

    private static FileRange Range(TensorProto tensor, string path, long fileLength, string location)
    {
        var offset = Number(tensor, "offset") ?? 0;
        var length = Number(tensor, "length") ?? TensorRef.BytesFor((ElementType)tensor.DataType, TensorRef.CountElements(tensor.Dims));
        if (offset < 0 || length < 0 || offset > fileLength || length > fileLength - offset)
        {
            throw Bad(tensor, $"its bytes {offset}..{(Int128)offset + length} lie outside {location}, which has {fileLength}", "Download the data file again");
        }

        return new FileRange(path, offset, length);
    }

    private static (string Path, long Length) Open(string modelPath, string location, TensorProto tensor)
    {
        var name = location.Replace('\\', '/');
        if (name.Length == 0 || Path.IsPathRooted(name) || name.Split('/').Contains("..", StringComparer.Ordinal) || name.Contains('\0'))
            throw Outside(tensor, location);
        var folder = Path.GetDirectoryName(Path.GetFullPath(modelPath))!;
        var real = RealPath.Of(Path.Combine(folder, name));
        var blobs = Path.GetDirectoryName(RealPath.Of(modelPath))!;
        if (!RealPath.IsInside(real, RealPath.Of(folder)) && !RealPath.IsInside(real, blobs))
            throw Outside(tensor, location);
        var info = new FileInfo(real);
        if (!info.Exists)
            throw new RefusedException("MKA004", location, $"the data file of tensor {tensor.Name} is missing", "Put it beside the model, or download the model with its data");
        return (real, info.Length);
    }

    private static long? Number(TensorProto tensor, string key)
    {
        var text = Entry(tensor, key);
        if (text is null) return null;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw Bad(tensor, $"its external data have the {key} '{text}'", "The file is damaged; export it again");
    }

    private static string? Entry(TensorProto tensor, string key) => tensor.ExternalData.LastOrDefault(e => e.Key == key)?.Value;

    private static RefusedException Outside(TensorProto tensor, string location) => Bad(
        tensor, $"its data lie at '{location}', outside the model's folder", "A model may only name files beside itself; do not trust this one");

    private static RefusedException Bad(TensorProto tensor, string what, string next) =>
        new("MKA004", tensor.Name.Length > 0 ? tensor.Name : "an unnamed tensor", what, next);
}
