using System.Text.RegularExpressions;

namespace OnnxMka.Tests;

/// <summary>What the documentation says of the program holds.</summary>
public sealed partial class DocumentationTests
{
    [Fact]
    public void Every_refusal_code_of_the_source_is_documented_and_no_other()
    {
        var used = Directory.GetFiles(Path.Combine(Books16.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .SelectMany(f => Code().Matches(File.ReadAllText(f)).Select(m => m.Value.Trim('"')))
            .ToSortedSet();
        var documented = Code().Matches(
            File.ReadAllText(Path.Combine(Books16.Root, "docs", "refusals.md"))
                .Replace("| MKA", "\"MKA", StringComparison.Ordinal)
                .Replace(" | ", "\" ", StringComparison.Ordinal))
            .Select(m => m.Value.Trim('"'))
            .ToSortedSet();
        Assert.Equal(used, documented);
    }

    [Fact]
    public void No_source_file_is_longer_than_400_lines()
    {
        var files = new[] { "src", "tests", "tools" }
            .SelectMany(d => Directory.GetFiles(Path.Combine(Books16.Root, d), "*.cs", SearchOption.AllDirectories))
            .Where(f => !f.Split(Path.DirectorySeparatorChar).Any(folder => folder is "obj" or "node_modules"));
        Assert.All(files, f => Assert.True(File.ReadLines(f).Count() <= 400, f));
    }

    [GeneratedRegex("\"MKA0[0-9]{2}\"", RegexOptions.CultureInvariant, Timeout.Infinite)]
    private static partial Regex Code();
}

internal static class SortedSets
{
    public static SortedSet<string> ToSortedSet(this IEnumerable<string> items) => new(items, StringComparer.Ordinal);
}
