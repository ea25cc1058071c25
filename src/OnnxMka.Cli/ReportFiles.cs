using OnnxMka.Emission;
using OnnxMka.Reporting;

namespace OnnxMka.Cli;

/// <summary>Reports by the extensions of their names, several at once.</summary>
internal static class ReportFiles
{
    /// <summary>
    /// Before any work is done: an unknown extension is a usage error, and a place that cannot be written to is one of the machine's.
    /// </summary>
    public static void Check(IReadOnlyList<FileInfo> files)
    {
        foreach (var file in files)
        {
            if (file.Extension is not (".html" or ".json" or ".md"))
                throw new UsageException($"--report {file.Name}: the known formats are .html, .json and .md.");
        }

        TextFile.CheckWritable(files);
    }

    public static NamedFiles Named(NamedFiles others, IEnumerable<FileInfo> files) =>
        files.Aggregate(others, (all, f) => all.Writes("--report", f.ToString()));

    public static void Write(IEnumerable<FileInfo> files, string json)
    {
        foreach (var file in files)
        {
            TextFile.Write(file, file.Extension switch
            {
                ".html" => HtmlReport.Of(json),
                ".md" => MarkdownReport.Of(json),
                _ => json,
            });
        }
    }
}
