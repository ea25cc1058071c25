using OnnxMka.Graph;

namespace OnnxMka.Running.Sessions;

/// <summary>
/// Folders in which CUDA and cuDNN libraries usually lie beside those that the system's loader knows, best first; Linux only.
/// </summary>
internal static class CudaFolders
{
    /// <param name="variable">Reads an environment variable.</param>
    /// <param name="root">Root of the file system; another one in tests.</param>
    public static IEnumerable<string> Of(Func<string, string?> variable, string root)
    {
        var named = Paths(variable("LD_LIBRARY_PATH"));
        var toolkits = new[] { variable("CUDA_HOME"), variable("CUDA_PATH") }.OfType<string>()
            .Concat(Matching(Path.Combine(root, "usr", "local"), "cuda*").Reverse())
            .SelectMany(t => new[] { Path.Combine(t, "lib64"), Path.Combine(t, "targets", "x86_64-linux", "lib") });
        return named.Concat(toolkits)
            .Concat(Prefixes(variable, root).SelectMany(PythonFolders))
            .Where(Directory.Exists)
            .Distinct(StringComparer.Ordinal);
    }

    /// <summary>
    /// Where Python environments begin: the one that is active, those of python3 on the PATH, the user's and the system's.
    /// </summary>
    private static IEnumerable<string> Prefixes(Func<string, string?> variable, string root)
    {
        var active = new[] { variable("VIRTUAL_ENV"), variable("CONDA_PREFIX") }.OfType<string>();
        var onPath = Paths(variable("PATH")).SelectMany(p => Links(Path.Combine(p, "python3")))
            .Select(python => Path.GetDirectoryName(Path.GetDirectoryName(python)))
            .OfType<string>();
        var user = variable("HOME") is { Length: > 0 } home ? [Path.Combine(home, ".local")] : Array.Empty<string>();
        return [.. active, .. onPath, .. user, Path.Combine(root, "usr", "local"), Path.Combine(root, "usr")];
    }

    /// <summary>
    /// A file and what it is a link to, from one link to the next: a link leads into an environment, whose own <c>python3</c> leads out of
    /// it again. None where it is not there.
    /// </summary>
    private static IEnumerable<string> Links(string path)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal); // links in a circle exist too
        for (var next = Path.GetFullPath(path); File.Exists(next) && seen.Add(next);)
        {
            yield return next;
            var folder = RealPath.Of(Path.GetDirectoryName(next)!);
            var file = Path.Combine(folder, Path.GetFileName(next));
            if (file != next) yield return file;
            if (new FileInfo(file).LinkTarget is not { } target) yield break;
            next = Path.GetFullPath(Path.Combine(folder, target));
        }
    }

    /// <summary><c>lib</c> as Conda fills it, and what NVIDIA's wheels bring: <c>lib/python3*/site-packages/nvidia/*/lib</c>.</summary>
    private static IEnumerable<string> PythonFolders(string prefix)
    {
        var library = Path.Combine(prefix, "lib");
        if (Directory.Exists(Path.Combine(prefix, "conda-meta"))) yield return library;
        foreach (var packages in Matching(library, "python3*").SelectMany(p => Matching(p, "*-packages")))
        {
            foreach (var package in Matching(Path.Combine(packages, "nvidia"), "*")) yield return Path.Combine(package, "lib");
        }
    }

    private static string[] Paths(string? list) => (list ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);

    private static string[] Matching(string folder, string pattern) =>
        Directory.Exists(folder) ? [.. Directory.EnumerateDirectories(folder, pattern).Order(StringComparer.Ordinal)] : [];
}
