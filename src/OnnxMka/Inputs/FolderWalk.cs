using OnnxMka.Graph;

namespace OnnxMka.Inputs;

/// <summary>
/// What lies in a folder and below. Links to folders are met but not followed: they may lead in a circle, or to everything there is.
/// </summary>
internal static class FolderWalk
{
    /// <summary>Files, and links to folders, in the order of their names.</summary>
    /// <param name="enters">Whether to go into a folder.</param>
    public static IEnumerable<FileSystemInfo> Below(string folder, Func<DirectoryInfo, bool> enters)
    {
        foreach (var entry in Entries(folder))
        {
            if (entry is not DirectoryInfo inner)
            {
                yield return entry;
            }
            else if (enters(inner))
            {
                if (inner.LinkTarget is not null) yield return inner;
                else foreach (var below in Below(inner.FullName, enters)) yield return below;
            }
        }
    }

    private static FileSystemInfo[] Entries(string folder) =>
        InputFileException.Reading<FileSystemInfo[]>(
            folder, () => [.. new DirectoryInfo(folder).EnumerateFileSystemInfos().OrderBy(e => e.Name, StringComparer.Ordinal)]);
}
