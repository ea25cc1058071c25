using System.Diagnostics.CodeAnalysis;

namespace OnnxMka.Graph;

/// <summary>
/// Where a model may have files: its own folder, and the folder that the model file really lies in (in a download cache that of all blobs).
/// </summary>
/// <param name="root">Folder of what belongs to the model, where that is not the model file's own.</param>
public sealed class ModelFolder(string modelPath, string? root = null)
{
    private readonly string _folder = root ?? Path.GetDirectoryName(Path.GetFullPath(modelPath))!;
    private readonly string _realFolder = RealPath.Of(root ?? Path.GetDirectoryName(Path.GetFullPath(modelPath))!);
    private readonly string _blobs = Path.GetDirectoryName(RealPath.Of(modelPath))!;

    /// <summary>True where a file, links followed, lies inside. Opens nothing.</summary>
    public bool Holds(string file)
    {
        try
        {
            return IsInside(RealPath.Of(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Absolute path without links of a location inside; false for one that leads anywhere else. Opens nothing.</summary>
    internal bool TryResolve(string location, [NotNullWhen(true)] out string? path)
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

        return IsInside(path);
    }

    private bool IsInside(string real) => RealPath.IsInside(real, _realFolder) || RealPath.IsInside(real, _blobs);
}
