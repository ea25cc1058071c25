using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using OnnxMka.Cards;
using OnnxMka.Json;
using OnnxMka.Measuring;
using OnnxMka.Planning;
using OnnxMka.Scoring;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Json;

/// <summary>All JSON is written in one form, in which text stays as people write it.</summary>
public sealed partial class JsonFormTests
{
    /// <summary>Letters, signs of markup, private use, line separators, another plane, a byte order mark.</summary>
    private const string Plain = "modèle+&<>'`/ 模型 \u007F\u0085\u2028\u2029\uE000\uFEFF\U0001F600";

    [Fact]
    public void Only_what_must_be_is_escaped()
    {
        Assert.Equal($"\"{Plain}\"", JsonForm.Quoted(Plain));
        Assert.Equal("\"\\\"\\\\\\n\\r\\t\\u0000\\u001f\"", JsonForm.Quoted("\"\\\n\r\t\0\u001F"));
        foreach (var text in new[]
        {
            Plain,
            new string([.. Enumerable.Range(0, 0xD800).Select(c => (char)c)]),
            new string('è', 10_000) + "\"",
        })
            Assert.Equal(text, JsonSerializer.Deserialize<string>(Encoding.UTF8.GetBytes(JsonForm.Quoted(text))));
    }

    [Fact]
    public void Half_a_surrogate_pair_is_no_text_and_does_not_become_some() => Assert.DoesNotContain('\uD83D', JsonForm.Quoted("a\uD83Db"));

    [Fact]
    public void Every_document_keeps_the_names_of_files_and_models()
    {
        var plan = Books16.Plan([3]) with { Fingerprint = Plain, Rejected = [new RejectedPair(0, 1, Plain)] };
        var analysis = new Analysis(
            Plain, new SimilarityTable([[1, 0.5], [0.5, 1]]), [1, 1], [[1, 0.5], [1, 0.5]], 32, 16, Plain, "", "CPU");
        var header = new ResultHeader(1, "m", null, 0, [new TaskHeader(Plain, "", Plain, [0])]);
        string[] documents =
        [
            PlanJson.Write(plan),
            analysis.ToJson(),
            AdapterMap.Write(new OnnxMka.Bench.Lineage(plan, [])),
            OnnxMka.Reporting.EvaluationJson.Write(header, []),
            OnnxMka.Reporting.AnalysisReport.Write(analysis, Plain),
        ];
        foreach (var document in documents)
        {
            Assert.Contains($"\"{Plain}\"", document, StringComparison.Ordinal);
            Assert.DoesNotContain("\\u", document, StringComparison.Ordinal);
        }

        using var folder = new TempFolder();
        using (var results = ResultFile.Open(folder["r.jsonl"], header)) results.Add(
            new ItemResult(
                Plain,
                Plain,
                0,
                System.Collections.Immutable.ImmutableSortedDictionary<string,
                double>.Empty.Add("nll", double.PositiveInfinity)));
        Assert.DoesNotContain("\\u", File.ReadAllText(folder["r.jsonl"]), StringComparison.Ordinal);
        // An item of infinite loss was the end of the run; it is one of its figures.
        Assert.Equal(double.PositiveInfinity, ResultFile.Merge([folder["r.jsonl"]]).Items[0].Values["nll"]);
    }

    [Fact]
    public void No_part_of_the_program_writes_json_in_a_form_of_its_own()
    {
        var sources = Directory.GetFiles(Path.Combine(Books16.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(f => Path.GetFileName(f) != "JsonForm.cs" && !f.Split(Path.DirectorySeparatorChar).Contains("obj"));
        var own = sources.SelectMany(f => OwnForm().Matches(File.ReadAllText(f)).Select(m => $"{Path.GetFileName(f)}: {m.Value}"));
        Assert.Empty(own);
        Assert.Matches(OwnForm(), "JsonSerializer.Serialize(name)");
        Assert.Matches(OwnForm(), "JsonSerializerOptions Options = new() { WriteIndented = true }");
    }

    /// <summary>A serialisation without options, options that start from nothing, a writer.</summary>
    [GeneratedRegex(
        @"JsonSerializer\.Serialize\w*(<[^>]*>)?\([^,()]*\)|JsonSerializerOptions \w+ = new\(\)|"
            + @"new JsonSerializerOptions\b(?!\(JsonForm)|new Utf8JsonWriter",
        RegexOptions.ExplicitCapture,
        1000)]
    private static partial Regex OwnForm();
}
