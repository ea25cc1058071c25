using System.CommandLine;
using System.Text.Json.Nodes;
using OnnxMka.Bench;
using OnnxMka.Cli.Verbs;
using OnnxMka.Jobs;
using OnnxMka.Recipes;
using OnnxMka.Scoring;
using OnnxMka.Selection;
using OnnxMka.Steps;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Merging;
using OnnxMka.Steps.Reaching;
using OnnxMka.Steps.Refitting;
using OnnxMka.Steps.Searching;

namespace OnnxMka.Tests.Recipes;

/// <summary>Recipes as text: what flags mean, written and read back; and what no recipe is.</summary>
public sealed class RecipeFileTests
{
    public static TheoryData<string> Commands => new(
        "--ratio 0.25",
        "--layers-removed 2 --method drop",
        "--blocks 3,7 --method drop --compensate refit --refit-passes 3 --ridge 0.05",
        "--blocks 3 --alpha 0.7",
        "--ratio 0.4 --alpha fit --align both --only mlp",
        "--ratio 0.4 --align heads --only attention",
        "--ratio 0.1 --order tail --method drop",
        "--ratio 0.5 --method best --budget 90s --ridge 1e-3",
        "--ratio 0.5 --method best --budget 1.5h",
        "--ratio 0.3 --method drop --select bi --compensate fold",
        "--ratio 0.3 --select angular --compensate linear",
        "--ratio 0.3 --method drop --select cka --compensate hadamard",
        "--ratio 0.3 --method drop --select greedy-loss --compensate scale",
        "--ratio 0.3 --select greedy-loss --merge auto",
        "--ratio 0.3 --method drop --compensate auto --ridge 1 --refit-passes 2",
        "--target-size 600MB --method drop",
        "--target-size 0.5GiB --compensate refit",
        "--max-ppl-increase 10% --method best",
        "--max-ppl-increase 0.07 --select bi --method drop --compensate refit",
        "--blocks 3.mlp,5,7.attention --method drop --granularity sublayer",
        "--layers-removed 3 --method best --granularity sublayer",
        "--layers-removed 3 --protect-first 0 --protect-last 4",
        "--ratio 0.25 --calib text.txt --calib-samples 64 --seq-len 32 --seed -7",
        "--ratio 0.25 --calib-ids 123 --pool last --neighbours 7 --embedding-dim 3",
        "--ratio 0.25 --diffusion-time 0.5 --sigma 12.5",
        "--ratio 0",
        "--layers-removed 0 --method drop");

    [Theory]
    [MemberData(nameof(Commands))]
    public void What_flags_mean_is_written_and_read_back(string command)
    {
        var recipe = Meant(command);
        foreach (var name in new[] { "r.json", "r.yaml", "r.yml" })
        {
            var text = RecipeFile.Write(recipe, name);
            var read = RecipeFile.Read(text, name);
            Assert.Equal(recipe, read with { Scoring = read.Scoring with { Kernels = recipe.Scoring.Kernels } });
            Assert.Equal(text, RecipeFile.Write(read, name));
            Assert.Equal(recipe, Read(text.ReplaceLineEndings("\r\n"), name, recipe));
            Assert.Equal(recipe, Read("\uFEFF" + text, name, recipe));
        }
    }

    [Fact]
    public void A_recipe_for_people()
    {
        const string Yaml = """
            version: 1   # of this form
            granularity: sublayer
            steps:
              - reach:
                  bytes: 600MB
                  steps:
                    - best: { budget: 10m }
                    - refit:
            calibration: { text: "a: b.txt", samples: 0x40, held-back: 16 }
            """;
        var recipe = RecipeFile.Read(Yaml, "r.yaml");
        var reach = Assert.IsType<Reach>(Assert.Single(recipe.Steps));
        Assert.Equal(600_000_000, reach.Bytes);
        Assert.Equal([new Best { Budget = TimeSpan.FromMinutes(10) }, new Refit()], reach.Steps.AsEnumerable());
        Assert.Equal(("a: b.txt", 64, 16), (recipe.Calibration.TextFile, recipe.Calibration.Samples, recipe.Calibration.HeldBackSamples));
        var again = RecipeFile.Write(recipe, "r.yaml");
        Assert.Equal(
            "version: 1\ngranularity: sublayer\nsteps:\n  - reach:\n      bytes: 600000000\n      steps:\n        - best:\n            "
            + "budget: 10m\n        - refit: {}\n"
            + "calibration:\n  text: \"a: b.txt\"\n  samples: 64\n  held-back: 16\n",
            again);
    }

    [Theory]
    [InlineData("yes")]
    [InlineData("null")]
    [InlineData("1e3")]
    [InlineData("0x1F")]
    [InlineData("- a: [b] # {c}")]
    [InlineData(" spaces ")]
    [InlineData("")]
    [InlineData("two\nlines\r\n\ttab")]
    [InlineData("\u0085\u2028\u2029\u007f\u0001\uFEFF ü 漢 😀")]
    [InlineData("C:\\texts\\\"a\".txt")]
    [InlineData("---")]
    [InlineData("...")]
    [InlineData("-")]
    [InlineData(".5")]
    [InlineData("%a")]
    public void Text_stays_text(string text)
    {
        var recipe = new Recipe { Steps = [new Drop { Count = 1 }], Calibration = new() { TextFile = text } };
        foreach (var name in new[] { "r.json", "r.yaml" })
            Assert.Equal(text, RecipeFile.Read(RecipeFile.Write(recipe, name), name).Calibration.TextFile);
    }

    [Fact]
    public void A_decided_merge_holds_its_plan()
    {
        var plan = Books16.Plan([4], (3, [(3, 0.75), (4, 0.25)]));
        var recipe = new Recipe { Steps = [new Merge { Plan = plan }, new Refit { Text = TextAmount.Ample }] };
        foreach (var name in new[] { "r.json", "r.yaml" })
        {
            var text = RecipeFile.Write(recipe, name);
            var read = RecipeFile.Read(text, name);
            Assert.Equal(text, RecipeFile.Write(read, name));
            Assert.Equal(plan.Groups[3].Weights, ((Merge)read.Steps[0]).Plan!.Groups[3].Weights);
            Assert.Equal(recipe.Steps[1], read.Steps[1]);
        }
    }

    /// <summary>Beside other words of a document.</summary>
    [Fact]
    public void A_recipe_inside_a_document()
    {
        var recipe = Meant("--ratio 0.25 --method drop");
        var document = new JsonObject { ["version"] = 1, ["recipe"] = RecipeNode.Of(recipe, Kinds.BuiltIn), ["model"] = "x" };
        var inside = JsonNode.Parse(document.ToJsonString())!["recipe"];
        Assert.True(recipe.Steps.SequenceEqual(RecipeNode.Read(inside, "lock", Kinds.BuiltIn, Selectors.BuiltIn).Steps));
    }

    [Theory]
    [InlineData("--ratio 0.4 --alpha fit --align both --only mlp --calib a.txt --seed 3 --pool last --sigma 2")]
    [InlineData("--target-size 600MB --method best --budget 90s --granularity sublayer --calib-samples 64")]
    [InlineData("--blocks 3,7 --method drop --compensate refit --refit-passes 3 --ridge 0.05")]
    public void Damaged_recipes_are_read_or_refused(string command)
    {
        var json = RecipeFile.Write(Meant(command), "r.json");
        JsonDamage.AssertReadOrRefused(json, "MKA066", 100, damaged => RecipeFile.Read(damaged, "r.json"));
        // JSON is YAML.
        JsonDamage.AssertReadOrRefused(json, "MKA066", 100, damaged => RecipeFile.Read(damaged, "r.yaml"));
    }

    [Fact]
    public void A_damaged_plan_inside_is_read_or_refused()
    {
        var recipe = new Recipe { Steps = [new Merge { Plan = Books16.Plan([4], (3, [(3, 0.75), (4, 0.25)])) }] };
        JsonDamage.AssertReadOrRefused(RecipeFile.Write(recipe, "r.json"), "MKA066", 100, damaged => RecipeFile.Read(damaged, "r.json"));
    }

    /// <summary>Cut anywhere, and with any byte replaced by one that means something in YAML.</summary>
    [Fact]
    public void Damaged_text_is_read_or_refused()
    {
        var whole = RecipeFile.Write(Meant("--target-size 600MB --method best --budget 90s --calib a.txt --calib-samples 64"), "r.yaml");
        var damaged = Enumerable.Range(0, whole.Length).SelectMany(i =>
            "\t\0\"'#%&*!|>?-:[]{},@`\n\uD800\u2028".Select(c => whole[..i] + c + whole[(i + 1)..]).Append(whole[..i]));
        foreach (var text in damaged)
        {
            foreach (var name in new[] { "r.json", "r.yaml" }) Refused(text, name);
        }
    }

    internal static Recipe Meant(string command)
    {
        var (flags, calibration) = (new RecipeFlags(), new CalibrationFlags());
        var verb = new RootCommand();
        foreach (var option in flags.All.Concat(calibration.All)) verb.Add(option);
        var parsed = verb.Parse(command);
        Assert.Empty(parsed.Errors);
        return calibration.Apply(parsed, new CompressionOptions { Input = "", Recipe = flags.Recipe(parsed, null) }).Recipe;
    }

    /// <summary>The refusal; null where it is a recipe.</summary>
    internal static Refusal? Refused(string text, string name)
    {
        try
        {
            RecipeFile.Read(text, name);
            return null;
        }
        catch (RefusedException e)
        {
            Assert.Equal("MKA066", e.Refusal.Code);
            return e.Refusal;
        }
    }

    private static Recipe Read(string text, string name, Recipe like)
    {
        var read = RecipeFile.Read(text, name);
        return read with { Scoring = read.Scoring with { Kernels = like.Scoring.Kernels } };
    }
}
