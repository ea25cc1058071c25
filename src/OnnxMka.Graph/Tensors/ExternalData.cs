using System.Globalization;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Graph;

/// <summary>
/// External tensor data of a model: <c>location</c> is resolved inside the model's folder only (or, in a download cache where
/// model and data are links into one folder of blobs, inside that one), and offset and length inside the file.
/// </summary>
internal static class ExternalData
{
    private const int LongestLocation = 1024;

    /// <summary>The data file that a tensor names; null for one inside the model, whatever entries it carries.</summary>
    public static string? Location(TensorProto tensor) =>
        tensor.DataLocation == TensorProto.Types.DataLocation.External ? Entry(tensor, "location") : null;

    /// <summary>Marks every external tensor with a payload that names its file, offset and length.</summary>
    public static void Resolve(string modelPath, ModelProto proto, List<TensorContent> payloads)
    {
        var folder = new ModelFolder(modelPath);
        var files = new Dictionary<string, (string Path, long Length)>(StringComparer.Ordinal);
        foreach (var tensor in TensorWalk.All(proto))
        {
            TensorForm.Check(tensor, tensor.HasPayload ? payloads[(int)tensor.Payload - 1] : null);
            if (tensor.DataLocation != TensorProto.Types.DataLocation.External) continue;
            var location = Location(tensor) ?? throw Bad(tensor, "its external data have no location", "Export the model again");
            if (!files.TryGetValue(location, out var file))
            {
                file = Find(folder, location, tensor);
                files.Add(location, file);
            }

            payloads.Add(Range(tensor, file.Path, file.Length, location));
            tensor.Payload = (uint)payloads.Count;
        }
    }

    private static FileRange Range(TensorProto tensor, string path, long fileLength, string location)
    {
        var offset = Number(tensor, "offset") ?? 0;
        var elements = TensorRef.CountElements(tensor.Dims);
        var length = Number(tensor, "length") ?? TensorRef.BytesFor((ElementType)tensor.DataType, Math.Max(elements, 0));
        if (offset > fileLength || length > fileLength - offset)
        {
            throw Bad(
                tensor,
                $"its bytes {offset}..{(Int128)offset + length} lie outside {location}, which has {fileLength}",
                "Download the data file again");
        }

        return new FileRange(path, offset, length);
    }

    private static (string Path, long Length) Find(ModelFolder folder, string location, TensorProto tensor)
    {
        if (location.Length > LongestLocation || !folder.TryResolve(location, out var path)) throw Outside(tensor, location);
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists && !Directory.Exists(path))
            {
                throw new RefusedException(
                    "MKA004",
                    location,
                    $"the data file of tensor {tensor.Name} is missing",
                    "Put it beside the model, or download the model with its data");
            }

            if (!RegularFile.Is(path))
            {
                throw new RefusedException(
                    "MKA004",
                    location,
                    $"the data file of tensor {tensor.Name} is no plain file",
                    "Put the data file itself beside the model");
            }

            return (path, file.Length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RefusedException(
                "MKA004",
                location,
                $"the data file of tensor {tensor.Name} cannot be read",
                "Check that the file is there and readable",
                e);
        }
    }

    private static long? Number(TensorProto tensor, string key)
    {
        var text = Entry(tensor, key);
        if (text is null) return null;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw Bad(tensor, $"its external data have the {key} '{text}'", "The file is damaged; export it again");
    }

    private static string? Entry(TensorProto tensor, string key)
    {
        string? found = null;
        foreach (var entry in tensor.ExternalData.Where(e => e.Key == key))
        {
            if (found is not null) throw Bad(tensor, $"its external data have the {key} twice", "The file is damaged; export it again");
            found = entry.Value;
        }

        return found;
    }

    private static RefusedException Outside(TensorProto tensor, string location) => Bad(
        tensor,
        $"its data lie at '{location}', outside the model's folder",
        "A model may only name files beside itself; do not trust this one");

    private static RefusedException Bad(TensorProto tensor, string what, string next) =>
        new("MKA004", tensor.Name.Length > 0 ? tensor.Name : "an unnamed tensor", what, next);
}
