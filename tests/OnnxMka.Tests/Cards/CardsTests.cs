using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using OnnxMka.Bench;
using OnnxMka.Cards;
using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;
using OnnxMka.Planning;

namespace OnnxMka.Tests.Cards;

/// <summary>What is said about an output: model card, adapter map, mergekit configuration.</summary>
public sealed partial class CardsTests
{
    /// <summary>16 blocks: 5 takes a share of 6 and 7; 3, 6, 7 and 9 go, 3 and 9 into nothing.</summary>
    private static MergePlan Mixed => Books16.Plan([3, 6, 7, 9], (5, [(5, 0.5), (6, 0.3), (7, 0.2)]));

    [Fact]
    public void The_mergekit_slices_sum_the_same_layers_with_the_same_weights()
    {
        var yaml = MergekitYaml.Write(Mixed, ElementType.Float16);
        Assert.Contains("\nmerge_method: linear\ndtype: float32\nout_dtype: float16\n", yaml, StringComparison.Ordinal);
        Assert.Equal(Mixed.Groups.Select(g => g.Weights.ToArray()), Slices(yaml));
        Assert.Contains("# ln -s checkpoint checkpoint-2 && ln -s checkpoint checkpoint-3\n", yaml, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plan_that_mixes_nothing_passes_slices_through()
    {
        var plan = Books16.Plan([3, 7, 8]);
        var yaml = MergekitYaml.Write(plan, ElementType.Float);
        Assert.Contains("\nmerge_method: passthrough\n", yaml, StringComparison.Ordinal);
        Assert.DoesNotContain("weight", yaml, StringComparison.Ordinal);
        Assert.Equal(["[0, 3]", "[4, 7]", "[9, 16]"], Range().Matches(yaml).Select(m => m.Value));
        Assert.Equal(plan.Groups.Select(g => g.Weights.ToArray()), Slices(yaml));
    }

    [Fact]
    public void The_adapter_map_tells_old_and_new_numbers_and_shares()
    {
        using var map = JsonDocument.Parse(AdapterMap.Write(new Lineage(Mixed, [])));
        var old = map.RootElement.GetProperty("oldToNew");
        Assert.Equal(16, old.GetArrayLength());
        Assert.Equal("{\"old\":3,\"new\":null,\"into\":[]}", Text(old[3]));
        Assert.Equal("{\"old\":6,\"new\":null,\"into\":[{\"new\":4,\"weight\":0.3}]}", Text(old[6]));
        Assert.Equal("{\"old\":8,\"new\":5,\"into\":[{\"new\":5,\"weight\":1}]}", Text(old[8]));
        Assert.Equal(
            "{\"new\":4,\"kept\":5,\"from\":[{\"old\":5,\"weight\":0.5},{\"old\":6,\"weight\":0.3},{\"old\":7,\"weight\":0.2}]}",
            Text(map.RootElement.GetProperty("newToOld")[4]));

        static string Text(JsonElement element) => JsonSerializer.Serialize(element);
    }

    [Fact]
    public void The_card_holds_plan_cost_and_the_command_that_makes_it_again()
    {
        using var folder = new TempFolder();
        string[] command =
        [
            Books16.Folder, folder["small"], "--blocks", "3,7", "--alpha", "0.75", "--seq-len", "32", "--eval-samples", "4", "--quiet",
            "--model-card", "--adapter-map", folder["map.json"], "--mergekit", folder["merge.yml"], "--compensate", "none",
        ];
        Assert.Equal(0, ToolProcess.Run(command).ExitCode);
        var card = File.ReadAllText(Path.Combine(folder["small"], "README.md"));
        Assert.Contains("\n- new layer 2 is 0.75 of layer 2 + 0.25 of layer 3\n", card, StringComparison.Ordinal);
        Assert.Matches(@"\n\| the same layers plainly dropped \| 14 \| 11\.9 MB \| [0-9.]+ \|", card);
        Assert.Contains($"\nonnx-mka {string.Join(' ', command)}\n", card, StringComparison.Ordinal);
        Assert.Contains("tags:\n- onnx\n- onnx-mka\n- layer-merging\n- mka\n", card, StringComparison.Ordinal);
        Assert.True(File.Exists(folder["map.json"]));
        Assert.Contains("merge_method: linear", File.ReadAllText(folder["merge.yml"]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, "MODEL_CARD.md")]
    [InlineData(true, "README.md")]
    public void A_readme_that_came_along_is_replaced_by_force_only(bool force, string card)
    {
        using var folder = new TempFolder();
        Directory.CreateDirectory(folder["in"]);
        foreach (var file in Directory.GetFiles(Books16.Folder)) File.Copy(file, Path.Combine(folder["in"], Path.GetFileName(file)));
        const string Readme = "---\nlicense: apache-2.0\n---\nmine\n";
        File.WriteAllText(Path.Combine(folder["in"], "README.md"), Readme);
        var options = new CompressionOptions
        {
            Input = folder["in"],
            Output = new() { Path = folder["out"], ModelCard = true, Force = force },
            Recipe = RecipeOf.Drop(3),
            Evaluate = false,
            Verify = false,
        };
        Assert.Equal(card, Compressor.Run(options).Emitted!.Card);
        Assert.Contains("license: apache-2.0\n", File.ReadAllText(Path.Combine(folder["out"], card)), StringComparison.Ordinal);
        if (!force) Assert.Equal(Readme, File.ReadAllText(Path.Combine(folder["out"], "README.md")));
    }

    /// <summary>
    /// Of a refit model the card and the map say which layers are no longer as they were; a file that cannot say it is refused.
    /// </summary>
    [Fact]
    public void Corrected_layers_are_told()
    {
        using var folder = new TempFolder();
        string[] refit =
        [
            Books16.Folder, folder["out"], "--blocks", "13", "--method", "drop", "--compensate", "refit", "--no-eval", "--no-verify",
            "--calib-samples", "32", "--seq-len", "32", "--ep", "cpu", "--quiet",
        ];
        var refused = ToolProcess.Run([.. refit, "--mergekit", folder["merge.yml"]]);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains(
            "--mergekit speaks of sums of the original's layers, and there is no word for corrected weights",
            refused.Errors,
            StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["out"]));
        var result = ToolProcess.Run([.. refit, "--adapter-map", folder["map.json"], "--model-card", "--report", folder["report.json"]]);
        Assert.Equal("", result.Errors);
        using var report = JsonDocument.Parse(File.ReadAllText(folder["report.json"]));
        var kept = report.RootElement.GetProperty("compensation")
            .GetProperty("steps")
            .EnumerateArray()
            .Where(s => s.GetProperty("kept").GetBoolean());
        var changed = kept.Select(s => s.GetProperty("block").GetInt32()).Distinct().Select(b => b > 13 ? b - 1 : b).Order().ToArray();
        Assert.NotEmpty(changed);
        var card = File.ReadAllText(Path.Combine(folder["out"], "README.md"));
        var layers = (changed.Length == 1 ? "new layer " : "new layers ") + string.Join(", ", changed);
        Assert.Contains($"- weights of {layers} were then fitted anew", card, StringComparison.Ordinal);
        using var map = JsonDocument.Parse(File.ReadAllText(folder["map.json"]));
        Assert.Equal(changed, map.RootElement.GetProperty("corrected").EnumerateArray().Select(c => c.GetProperty("new").GetInt32()));
    }

    [Fact]
    public void A_card_for_which_no_name_is_free_is_refused()
    {
        using var folder = new TempFolder();
        foreach (var name in new[] { "README.md", "MODEL_CARD.md" }) File.WriteAllText(folder[name], "mine");
        var options = new CompressionOptions
        {
            Input = Books16.Folder,
            Output = new() { Path = folder["small.onnx"], ModelCard = true },
            Recipe = RecipeOf.Drop(3),
            Evaluate = false,
            Verify = false,
        };
        Assert.Throws<OnnxMka.Outcomes.OutputException>(() => Compressor.Run(options));
        Assert.Equal(
            ["MODEL_CARD.md", "README.md"],
            Directory.GetFileSystemEntries(folder.FullPath).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal("mine", File.ReadAllText(folder["MODEL_CARD.md"]));
    }

    /// <summary>What mergekit would sum for each new layer: one layer a model name, weight 1 where none is told.</summary>
    private static IEnumerable<KeyValuePair<int, double>[]> Slices(string yaml)
    {
        foreach (var slice in yaml.Split("  - sources:\n").Skip(1))
        {
            var sources = Source().Matches(slice).Select(
                m => (Model: m.Groups["model"].Value, First: Number(m, "first"), End: Number(m, "end"), Weight: m.Groups["weight"]));
            var parts = sources.ToArray();
            Assert.Equal(parts.Length, parts.Select(p => p.Model).Distinct(StringComparer.Ordinal).Count());
            for (var i = 0; i < parts[0].End - parts[0].First; i++)
            {
                yield return
                [
                    .. parts.Select(
                        p => KeyValuePair.Create(
                            p.First + i, p.Weight.Success ? double.Parse(p.Weight.Value, CultureInfo.InvariantCulture) : 1)),
                ];
            }
        }

        static int Number(Match match, string group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(
        @"- model: (?<model>\S+)\n +layer_range: \[(?<first>[0-9]+), (?<end>[0-9]+)\]\n( +parameters:\n +weight: (?<weight>\S+)\n)?",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        1000)]
    private static partial Regex Source();

    [GeneratedRegex(@"\[[0-9]+, [0-9]+\]", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Range();
}
