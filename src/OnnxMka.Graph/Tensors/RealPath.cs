namespace OnnxMka.Graph;

/// <summary>Paths with every symbolic link on the way resolved: what containment is decided on.</summary>
public static class RealPath
{
    private const int MaxLinks = 40;

    /// <summary>Absolute path without links; parts that do not exist are kept as they are.</summary>
    public static string Of(string path)
    {
        var links = 0;
        return Resolve(Path.GetFullPath(path), ref links);
    }

    /// <summary>True where <paramref name="path"/> (real) lies below <paramref name="folder"/> (real).</summary>
    public static bool IsInside(string path, string folder)
    {
        var prefix = folder.EndsWith(Path.DirectorySeparatorChar) ? folder : folder + Path.DirectorySeparatorChar;
        return path.StartsWith(prefix, StringComparison.Ordinal);
    }

    private static string Resolve(string path, ref int links)
    {
        var parent = Path.GetDirectoryName(path);
        if (parent is null) return path;
        var here = Path.Combine(Resolve(parent, ref links), Path.GetFileName(path));
        var target = new FileInfo(here).LinkTarget;
        if (target is null) return here;
        if (++links > MaxLinks) throw new IOException($"Too many symbolic links at {path}");
        return Resolve(Path.GetFullPath(target, Path.GetDirectoryName(here)!), ref links);
    }
}
