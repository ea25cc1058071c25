using System.Diagnostics.CodeAnalysis;

namespace OnnxMka.Graph;

/// <summary>Where a model may have data files: its own folder, and the folder that the model file really lies in.</summary>
internal sealed class ModelFolder(string modelPath)
{
    private readonly string _folder = Path.GetDirectoryName(Path.GetFullPath(modelPath))!;
    private readonly string _realFolder = RealPath.Of(Path.GetDirectoryName(Path.GetFullPath(modelPath))!);
    private readonly string _blobs = Path.GetDirectoryName(RealPath.Of(modelPath))!;

    /// <summary>Absolute path without links of a location inside; false for one that leads anywhere else. Opens nothing.</summary>
    public bool TryResolve(string location, [NotNullWhen(true)] out string? path)
    {
        path = null;
        var name = location.Replace('\\', '/');
        var rooted = name.StartsWith('/') || Path.IsPathRooted(name) || (name.Length > 1 && name[1] == ':');
        if (name.Length == 0 || rooted || name.Contains('\0') || name.Split('/').Contains("..", StringComparer.Ordinal)) return false;
        try
        {
            path = RealPath.Of(Path.Combine(_folder, name));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return false;
        }

        return RealPath.IsInside(path, _realFolder) || RealPath.IsInside(path, _blobs);
    }
}
