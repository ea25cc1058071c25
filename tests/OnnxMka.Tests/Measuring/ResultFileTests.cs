using OnnxMka.Measuring;

namespace OnnxMka.Tests.Measuring;

/// <summary>Runs that were killed and runs in shards give the numbers of one run, to the last bit.</summary>
public sealed class ResultFileTests
{
    private static readonly EvaluationOptions Options = new() { Model = Books16.Folder, Window = 64, Limit = 6, Speed = false };

    [Fact]
    public void A_killed_run_goes_on_where_it_stopped()
    {
        using var folder = new TempFolder();
        var whole = ModelEvaluation.Run(Options with { ResultsPath = folder["whole.jsonl"] });
        var lines = File.ReadAllLines(folder["whole.jsonl"]);
        Assert.Equal(7, lines.Length);
        File.WriteAllText(folder["killed.jsonl"], string.Join('\n', lines[..4]) + "\n" + lines[4][..20]);
        var resumed = ModelEvaluation.Run(Options with { ResultsPath = folder["killed.jsonl"] });
        Assert.Equal(whole.Metrics.AsEnumerable(), resumed.Metrics);
        Assert.Equal(lines, File.ReadAllLines(folder["killed.jsonl"]));
        var again = ModelEvaluation.Run(Options with { ResultsPath = folder["whole.jsonl"] });
        Assert.Equal((whole.Metrics.Length, 0.0), (again.Metrics.Length, again.Model.TokensPerSecond));
    }

    [Fact]
    public void Shards_merge_to_the_numbers_of_one_run()
    {
        using var folder = new TempFolder();
        var whole = ModelEvaluation.Run(Options);
        string[] paths = [folder["0.jsonl"], folder["1.jsonl"], folder["2.jsonl"]];
        for (var i = 0; i < 3; i++) ModelEvaluation.Run(Options with { Shard = new Shard(i, 3), ResultsPath = paths[i] });
        Assert.Equal(whole.Metrics.AsEnumerable(), Aggregate.Of(ResultFile.Merge([.. paths.Reverse()]).Items, Options.Seed));
        var missing = Assert.Throws<RefusedException>(() => ResultFile.Merge(paths[..2])).Refusal;
        Assert.Equal(("MKA075", "2 of 6 items are missing"), (missing.Code, missing.What[..24]));
    }

    [Theory]
    [InlineData("my notes, without an end of line")]
    [InlineData("two\nlines")]
    public void A_file_of_something_else_is_refused_and_stays_as_it_is(string text)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["notes.txt"], text);
        Assert.Equal(
            "MKA074",
            Assert.Throws<RefusedException>(() => ModelEvaluation.Run(Options with { ResultsPath = folder["notes.txt"] })).Refusal.Code);
        Assert.Equal(text, File.ReadAllText(folder["notes.txt"]));
    }

    [Fact]
    public void A_run_killed_within_its_first_line_begins_anew()
    {
        using var folder = new TempFolder();
        ModelEvaluation.Run(Options with { ResultsPath = folder["r.jsonl"], Limit = 1 });
        var whole = File.ReadAllText(folder["r.jsonl"]);
        foreach (var left in new[] { 40, whole.IndexOf('\n', StringComparison.Ordinal) + 1 })
        {
            File.WriteAllText(folder["r.jsonl"], whole[..left]);
            ModelEvaluation.Run(Options with { ResultsPath = folder["r.jsonl"], Limit = 1 });
            Assert.Equal(whole, File.ReadAllText(folder["r.jsonl"]));
        }
    }

    [Fact]
    public void Another_run_is_not_continued()
    {
        using var folder = new TempFolder();
        ModelEvaluation.Run(Options with { ResultsPath = folder["r.jsonl"], Limit = 1 });
        var bytes = File.ReadAllBytes(folder["r.jsonl"]);
        Assert.Equal(
            "MKA074",
            Assert.Throws<RefusedException>(
                () => ModelEvaluation.Run(Options with { ResultsPath = folder["r.jsonl"], Limit = 1, Window = 32 })).Refusal.Code);
        File.WriteAllText(folder["note.txt"], "this is no result file\n");
        Assert.Equal(
            "MKA074",
            Assert.Throws<RefusedException>(() => ModelEvaluation.Run(Options with { ResultsPath = folder["note.txt"] })).Refusal.Code);
        Assert.Equal(bytes, File.ReadAllBytes(folder["r.jsonl"]));
    }
}
