using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Jobs;
using OnnxMka.Planning;
using OnnxMka.Reporting;
using OnnxMka.Steps.Caching;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Cutting;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Merging;
using OnnxMka.Steps.Refitting;
using OnnxMka.Steps.Searching;
using OnnxMka.Sweeping;

namespace OnnxMka.Tests.Reporting;

/// <summary>Reports of real runs: every field is documented, the page needs nothing and draws everything.</summary>
public sealed partial class ReportTests(ReportTests.Runs runs) : IClassFixture<ReportTests.Runs>
{
    public static TheoryData<string> Kinds => ["compression", "sweep", "analysis", "evaluation", "inspection", "search", "cut"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_field_is_documented(string kind)
    {
        using var json = JsonDocument.Parse(runs.Json[kind]);
        Assert.Equal(ReportJson.SchemaVersion, json.RootElement.GetProperty("schemaVersion").GetInt32());
        Assert.Equal(kind is "search" or "cut" ? "compression" : kind, json.RootElement.GetProperty("kind").GetString());
        var fields = new SortedSet<string>(StringComparer.Ordinal);
        Collect(json.RootElement, "", fields);
        var text = File.ReadAllText(Path.Combine(Books16.Root, "docs", "report.md"));
        Assert.Contains($"Schema version {ReportJson.SchemaVersion}", text, StringComparison.Ordinal);
        var documented = Field().Matches(text).Select(m => m.Groups["path"].Value).ToHashSet(StringComparer.Ordinal);
        Assert.Subset(documented, fields);
        runs.Seen.UnionWith(fields);
    }

    [Fact]
    public void Nothing_is_documented_that_is_not_there()
    {
        foreach (var kind in runs.Json.Keys) Every_field_is_documented(kind);
        var text = File.ReadAllText(Path.Combine(Books16.Root, "docs", "report.md"));
        Assert.Subset(runs.Seen, Field().Matches(text).Select(m => m.Groups["path"].Value).ToHashSet(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_page_holds_everything_and_fetches_nothing(string kind)
    {
        var page = HtmlReport.Of(runs.Json[kind]);
        Assert.DoesNotMatch("<(link|script|img|iframe)[^>]*(src|href)=[\"']?(https?:|//)", page);
        Assert.Contains("default-src 'none'", page, StringComparison.Ordinal);
        Assert.DoesNotContain("/*data*/", page, StringComparison.Ordinal);
        var data = page[(page.IndexOf("id=\"data\">", StringComparison.Ordinal) + 10)..];
        using var inside = JsonDocument.Parse(data[..data.IndexOf("</script>", StringComparison.Ordinal)]);
        using var written = JsonDocument.Parse(runs.Json[kind]);
        Assert.True(JsonElement.DeepEquals(written.RootElement, inside.RootElement));
    }

    [Fact]
    public void Text_from_a_model_stays_text()
    {
        const string Nasty = "{\"kind\": \"x\", \"tool\": {\"version\": \"</script><script>alert(1)</script>\"}}";
        Assert.DoesNotContain("alert(1)</script>", HtmlReport.Of(Nasty), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Markdown_has_the_figures(string kind)
    {
        var text = MarkdownReport.Of(runs.Json[kind]);
        Assert.StartsWith($"# onnx-mka: {(kind is "search" or "cut" ? "compression" : kind)}", text, StringComparison.Ordinal);
        Assert.All(text.Split('\n').Where(l => l.StartsWith('|')), l => Assert.EndsWith(" |", l, StringComparison.Ordinal));
        if (kind == "compression") Assert.Contains("plain drop of the same blocks", text, StringComparison.Ordinal);
        if (kind is "compression" or "evaluation")
            Assert.Matches(@"\| result \| [\d,]+ \([\d,]+ to [\d,]+\) \| [\d,]+ \([\d,]+ to [\d,]+\) \|", text);
        if (kind == "analysis") Assert.Contains("most similar neighbours first: ", text, StringComparison.Ordinal);
        if (kind == "inspection") Assert.Contains("| 15 | 0 |", text, StringComparison.Ordinal);
        if (kind == "search") Assert.Contains("| block | refit | error before | after |", text, StringComparison.Ordinal);
        if (kind == "cut") Assert.Contains("| unit | kept | parameters | price | cut |", text, StringComparison.Ordinal);
        if (kind == "sweep") Assert.Matches(@"\| drop \| 0\.25 \| 12 \|", text);
    }

    [SkippableBrowserTheory]
    [InlineData("compression", "light", 1100)]
    [InlineData("compression", "dark", 380)]
    [InlineData("sweep", "light", 1100)]
    [InlineData("sweep", "print", 800)]
    [InlineData("analysis", "dark", 1100)]
    [InlineData("evaluation", "light", 380)]
    [InlineData("inspection", "light", 400)]
    [InlineData("search", "dark", 400)]
    [InlineData("search", "print", 800)]
    public void A_browser_draws_it_without_a_word(string kind, string scheme, int width)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["r.html"], HtmlReport.Of(runs.Json[kind]));
        Assert.Equal("", Shoot(folder["r.html"], folder["r.png"], scheme, width));
        Assert.True(new FileInfo(folder["r.png"]).Length > 10_000);
    }

    [SkippableBrowserTheory]
    [InlineData("light")]
    public void A_broken_report_is_noticed(string scheme)
    {
        using var folder = new TempFolder();
        File.WriteAllText(
            folder["r.html"],
            HtmlReport.Of(runs.Json["sweep"]).Replace("heading();", "heading(); undefinedFunction();", StringComparison.Ordinal));
        Assert.Contains("undefinedFunction", Shoot(folder["r.html"], folder["r.png"], scheme, 800), StringComparison.Ordinal);
    }

    private static string Shoot(string page, string picture, string scheme, int width)
    {
        var start = new ProcessStartInfo("node") { RedirectStandardOutput = true, UseShellExecute = false };
        foreach (var argument in new[]
        {
            Path.Combine(Books16.Root, "tools", "report-shots", "shoot.mjs"),
            page,
            picture,
            scheme,
            width.ToString(),
        })
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }

    /// <summary>Paths of all fields: <c>points[].plan.steps[].from</c>; keys that name data are <c>*</c>.</summary>
    private static void Collect(JsonElement element, string path, SortedSet<string> fields)
    {
        if (path is "recipe" or "steps")
        {
            fields.Add(path); // what stands there is told by docs/recipes.md
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in element.EnumerateArray()) Collect(item, path + "[]", fields);
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            var named = path is "seconds" or "opsets" or "notFinite" || path.EndsWith(".weights", StringComparison.Ordinal);
            foreach (var property in element.EnumerateObject())
                Collect(property.Value, (path.Length > 0 ? path + "." : "") + (named ? "*" : property.Name), fields);
        }
        else
        {
            fields.Add(path);
        }
    }

    [GeneratedRegex(@"^\| `(?<path>[^`]+)` \|", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Field();

    /// <summary>One run of each kind on the fixture.</summary>
    public sealed class Runs
    {
        public Runs()
        {
            using var folder = new TempFolder();
            var options = new CompressionOptions
            {
                Input = Books16.Folder,
                Recipe = RecipeOf.Steps(new Merge { Ratio = 0.25, FitAlpha = true, Align = AlignUnits.Both }) with
                {
                    Calibration = new() { Samples = 64, HeldBackSamples = 32 },
                },
                Samples = 2,
                Output = new() { Path = folder["out"] },
            };
            var compressed = Compressor.Run(options);
            Json["compression"] = ReportJson.Write(compressed, options);
            Json["analysis"] = AnalysisReport.Write(compressed.Analysis!, "books16");
            var sweepOptions = new SweepOptions([0.25, 0.5], [new SweepMethod(Method.Mka), new SweepMethod(Method.Drop)], 0.5);
            var scored = options.Recipe with { Scoring = options.Recipe.Scoring with { Analysis = compressed.Analysis } };
            var sweep = Sweep.Run(options with { Output = options.Output with { Path = null }, Recipe = scored }, sweepOptions);
            Json["sweep"] = SweepJson.Write(sweep, options, sweepOptions);
            Json["inspection"] = InspectJson.Write(Books16.Map);
            Json["search"] = Searched(options with { Output = options.Output with { Path = folder["best"] } });
            Json["cut"] = Cut(folder);
            var evaluation = new OnnxMka.Measuring.EvaluationOptions
            {
                Model = folder["out"],
                Against = Books16.Folder,
                Window = 64,
                Limit = 3,
                Generations = 2,
            };
            var evaluated = OnnxMka.Measuring.ModelEvaluation.Run(evaluation);
            var endless = new OnnxMka.Measuring.MetricValue(
                "text", null, "perplexity", double.PositiveInfinity, 3.57, double.PositiveInfinity, 3);
            Json["evaluation"] = EvaluationJson.Write(evaluated with { Metrics = evaluated.Metrics.Add(endless) }, evaluation);
        }

        /// <summary>A selection and a correction that ran, and a search and trials as they would be: a search takes minutes.</summary>
        private static string Searched(CompressionOptions options)
        {
            var chosen = options.With(new Drop { Ratio = 0.25, Select = "bi" }, new Refit());
            var result = Compressor.Run(chosen);
            SearchTrial[] trials = [new("bi", "refit", [3, 6, 7, 9], 41.2, 3.5), new(null, "fold", [3, 6, 7, 10], 42.5, 2)];
            var compared = result.Told<CompensationReport>()! with
            {
                Trials = [new CompensationTrial("refit", 41.2), new CompensationTrial("scale", 44)],
            };
            return ReportJson.Write(
                result with
                {
                    Sections =
                    [
                        .. result.Sections,
                        new Section("search", new SearchReport([.. trials], 0, false, "bi with refit has the lowest loss")),
                        result.Sections.Last(s => s.Value is CompensationReport) with { Value = compared },
                    ],
                },
                chosen);
        }

        /// <summary>A cut and smaller caches of a small decoder, with an obstacle as another form would have it.</summary>
        private static string Cut(TempFolder folder)
        {
            var options = SmallDecoder.Write(SmallDecoder.Map, folder["small"]) with { Output = new() { Path = folder["cut"] } };
            options = options.With(new Kv { Ratio = 0.125 }, new Cut { Ratio = 0.25 });
            var result = Compressor.Run(options);
            var section = result.Sections.Single(s => s.Name == "cut");
            var report = (CutReport)section.Value;
            var named = report with { Units = report.Units.SetItem(0, report.Units[0] with { Obstacles = ["qkv: it is packed"] }) };
            return ReportJson.Write(result with { Sections = result.Sections.Replace(section, section with { Value = named }) }, options);
        }

        public Dictionary<string, string> Json { get; } = new(StringComparer.Ordinal);

        public HashSet<string> Seen { get; } = new(StringComparer.Ordinal);
    }
}

/// <summary>Needs Chromium and Node; says so where they are absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SkippableBrowserTheoryAttribute : TheoryAttribute
{
    public SkippableBrowserTheoryAttribute()
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        if (!new[] { Environment.GetEnvironmentVariable("CHROMIUM") ?? "chromium", "node" }.All(
            p => folders.Any(f => File.Exists(Path.Combine(f, p)))))
            Skip = "no Chromium or no Node on the path: the page is not drawn";
    }
}
