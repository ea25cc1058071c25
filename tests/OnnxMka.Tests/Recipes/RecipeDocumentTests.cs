using System.Text.RegularExpressions;
using OnnxMka.Recipes;

namespace OnnxMka.Tests.Recipes;

/// <summary>docs/recipes.md tells of every kind with every option, and of no other; its examples are recipes.</summary>
public sealed partial class RecipeDocumentTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Books16.Root, "docs", "recipes.md"));

    [Fact]
    public void Every_kind_with_every_option()
    {
        var options = StepJson.Options(Kinds.BuiltIn);
        foreach (var kind in Kinds.BuiltIn.All)
        {
            var known = options.GetTypeInfo(kind.Options).Properties.Where(p => p.Set is not null).ToArray();
            var row = Assert.Single(
                Page.Split('\n'), l => l.StartsWith($"| `{kind.Name}` | ", StringComparison.Ordinal) && l.Count(c => c == '|') == 3);
            Assert.Equal(known.Select(p => p.Name).Order(), Code().Matches(row).Skip(1).Select(m => m.Groups["code"].Value).Order());
            foreach (var property in known)
            {
                var told = Assert.Single(
                    Page.Split('\n'),
                    l => l.Count(c => c == '|') == 4 && l.Split('|')[1].Contains($"`{property.Name}`", StringComparison.Ordinal));
                if (OptionReader.Bounds(property) is { } bounds) Assert.Contains(bounds.ToString(), told, StringComparison.Ordinal);
                var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
                if (type.IsEnum) Assert.All(OptionReader.Words(type), word => Assert.Contains($"`{word}`", told, StringComparison.Ordinal));
            }
        }
    }

    [Fact]
    public void Examples_are_recipes()
    {
        var examples = Example().Matches(Page);
        Assert.True(examples.Count >= 2);
        Assert.All(examples, e => Assert.NotEmpty(RecipeFile.Read(e.Groups["text"].Value, "example.yaml").Steps));
        var flags = RecipeFileTests.Meant(
            "--ratio 0.25 --method drop --select bi --compensate refit --refit-passes 2 --calib corpus.txt --calib-samples 512 --pool "
                + "last");
        Assert.Equal(
            RecipeFile.Write(flags, "r.json"),
            RecipeFile.Write(RecipeFile.Read(examples[0].Groups["text"].Value, "example.yaml"), "r.json"));
    }

    [GeneratedRegex("`(?<code>[^`]+)`", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, Timeout.Infinite)]
    private static partial Regex Code();

    [GeneratedRegex(
        "```yaml\n(?<text>.*?)```",
        RegexOptions.CultureInvariant | RegexOptions.Singleline | RegexOptions.ExplicitCapture,
        Timeout.Infinite)]
    private static partial Regex Example();
}
