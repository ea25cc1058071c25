using Microsoft.ML.OnnxRuntime;
using OnnxMka.Graph;

namespace OnnxMka.Runtime;

/// <summary>Models to ONNX Runtime sessions, without a file being written.</summary>
internal static class SessionFactory
{
    /// <summary>Folder that relative external data locations of a model in memory are resolved in (ONNX Runtime configuration key).</summary>
    private const string DataFolderKey = "session.model_external_initializers_file_folder_path";

    /// <summary>Refuses what ONNX Runtime cannot load, with its own words. Throws <see cref="InputFileException"/> where the model's files are gone.</summary>
    public static InferenceSession Load(OnnxModel model, ExecutionTarget target)
    {
        var image = RuntimeImage.Of(model);
        using var options = target.Options();
        options.AddSessionConfigEntry(DataFolderKey, image.DataFolder);
        try
        {
            return new InferenceSession(image.Bytes, options);
        }
        catch (OnnxRuntimeException e)
        {
            _ = ModelFiles.Of(model); // it may load no longer because a file is gone, and that is no property of the model
            throw new RefusedException(
                "MKA023", Path.GetFileName(model.Path), $"ONNX Runtime does not load it ({e.Message.Split('\n')[0].TrimEnd('.')})", "A model that does not run as it is cannot be made smaller", e);
        }
    }
}
