namespace OnnxMka.Tests.Layering;

/// <summary>Sources are read beside one another on a screen: files of at most 300 lines, lines of at most 140 columns.</summary>
public sealed class SourceFormTests
{
    private const int MostLines = 300;
    private const int MostColumns = 140;

    private static readonly string[] Roots = ["src", "samples", "tools", "tests"];

    [Fact]
    public void Files_are_short_and_lines_are_narrow()
    {
        var sources = Roots.SelectMany(r => Directory.GetFiles(Path.Combine(Books16.Root, r), "*.cs", SearchOption.AllDirectories))
            .Select(f => Path.GetRelativePath(Books16.Root, f))
            .Where(f => !f.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj" or "node_modules"))
            .Order(StringComparer.Ordinal)
            .ToArray();
        Assert.True(sources.Length > 500, $"only {sources.Length} files were read");
        Assert.Empty(sources.SelectMany(f => Faults(f, File.ReadAllLines(Path.Combine(Books16.Root, f)))));
    }

    [Fact]
    public void A_long_file_and_a_wide_line_are_noticed()
    {
        string[] lines = [.. Enumerable.Repeat(new string('x', MostColumns), MostLines)];
        Assert.Empty(Faults("a.cs", lines));
        Assert.Equal(["a.cs: 301 lines", "a.cs:301: 141 columns"], Faults("a.cs", [.. lines, new string('x', MostColumns + 1)]));
    }

    private static IEnumerable<string> Faults(string file, string[] lines) =>
    [
        .. lines.Length > MostLines ? [$"{file}: {lines.Length} lines"] : Array.Empty<string>(),
        .. lines.Index().Where(l => l.Item.Length > MostColumns).Select(l => $"{file}:{l.Index + 1}: {l.Item.Length} columns"),
    ];
}
