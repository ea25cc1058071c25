namespace OnnxMka.Graph;

/// <summary>Paths with every symbolic link on the way resolved: what containment is decided on.</summary>
public static class RealPath
{
    private const int MaxLinks = 40;

    private static readonly char[] Separators = [Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar];

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

    /// <summary>Step by step, as the system does: what goes up from behind a link goes up from where that leads.</summary>
    /// <param name="path">Rooted; that of a link may hold <c>..</c>.</param>
    private static string Resolve(string path, ref int links)
    {
        var here = Path.GetPathRoot(path)!;
        foreach (var part in path[here.Length..].Split(Separators, StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == ".") continue;
            var next = part == ".." ? Path.GetDirectoryName(here) ?? here : Path.Combine(here, part);
            if (part != ".." && new FileInfo(next).LinkTarget is { } target)
            {
                if (++links > MaxLinks) throw new IOException($"Too many symbolic links at {path}");
                next = Resolve(Path.Combine(here, target), ref links);
            }

            here = next;
        }

        return here;
    }
}
