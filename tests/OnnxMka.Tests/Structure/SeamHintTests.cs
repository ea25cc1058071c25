using System.Text.Json;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Structure;
using OnnxMka.Tests.Forms;

namespace OnnxMka.Tests.Structure;

/// <summary>A hint in the metadata is used where the graph bears it out; any other changes nothing.</summary>
public sealed class SeamHintTests : IDisposable
{
    private readonly FormModel _layers = new(Forge.LlamaPresets.TorchScriptLlama.Model());
    private readonly FormModel _halves = new(Forge.LlamaPresets.TorchScriptLlama.Model(), granularity: Granularity.Sublayer);

    public void Dispose()
    {
        _layers.Dispose();
        _halves.Dispose();
    }

    public static TheoryData<string> NoHints => new(
        "",
        "null",
        "0",
        "[]",
        "{}",
        "{",
        "not JSON",
        "{\"seams\": null}",
        "{\"seams\": []}",
        "{\"seams\": [\"a\"]}",
        "{\"seams\": [null, null]}",
        "{\"seams\": [1, 2]}",
        "{\"seams\": {}}",
        "{\"seams\": [\"\", \"\"]}",
        "{\"seams\": [\"\\ud800\", \"\\udfff\"]}",
        "{\"seams\": [\"a\", \"b\"], \"units\": [\"0\", \"1\"]}",
        "{\"seams\": [\"a\", \"b\"], \"units\": [null]}",
        "{\"seams\": [\"a\", \"b\"], \"units\": [\"99999999999999999999.mlp\"]}",
        "{\"seams\": [\"a\", \"b\"], \"units\": [\"\"]}",
        new string('[', 100_000),
        "{\"seams\": [" + string.Join(',', Enumerable.Repeat("\"a\"", 100_000)) + "]}",
        "{\"seams\": [\"" + new string('a', 5 << 20) + "\", \"b\"]}");

    [Theory]
    [MemberData(nameof(NoHints))]
    public void What_is_no_hint_changes_nothing(string text)
    {
        AssertIgnored(_layers.Map, text);
        AssertIgnored(_halves.Map, text);
    }

    /// <summary>Every single claim of a true hint, made false.</summary>
    [Fact]
    public void A_hint_that_the_graph_contradicts_changes_nothing()
    {
        var map = _layers.Map;
        string[] seams = [.. StreamUnits.Of(map).Seams];
        string[][] wrong =
        [
            [.. seams.Reverse()],
            [.. seams.Skip(1)],
            [.. seams.SkipLast(1)],
            [seams[0], .. seams],
            [.. seams, map.Logits],
            [.. seams.SkipLast(1), map.Logits],
            [.. seams.Where((_, i) => i != 2)],
            [seams[0], seams[2], seams[1], .. seams.Skip(3)],
            [.. seams.SkipLast(1), "nothing"],
            [.. seams.SkipLast(1), map.TokenInput],
            [.. seams.SkipLast(1), FinalNorm(map)],
            [seams[0], Inner(map), .. seams.Skip(2)],
            [.. seams.SkipLast(1), _halves.Map.Blocks[^2].Output.Value],
        ];
        foreach (var claim in wrong) AssertIgnored(map, Hint(claim, null));
    }

    [Fact]
    public void A_hint_whose_names_the_graph_contradicts_changes_nothing()
    {
        var map = _halves.Map;
        string[] seams = [.. StreamUnits.Of(map).Seams];
        string[] names = [.. map.HalfNames!];
        string[][] wrong =
        [
            [.. names.Reverse()],
            [names[1], names[0], .. names.Skip(2)],
            [names[0], "0.mlp2", .. names.Skip(2)],
            ["1.attention", "1.mlp", .. names.Skip(2)],
            ["0.mlp", .. names.Skip(1)],
            ["00.attention", .. names.Skip(1)],
            [.. names.Select((_, i) => $"{i}")],
            [.. names.Select((_, i) => $"{i}.attention")],
            ["-1.attention", .. names.Skip(1)],
        ];
        foreach (var claim in wrong) AssertIgnored(map, Hint(seams, claim));
    }

    [Fact]
    public void A_true_hint_is_used()
    {
        var plan = _layers.Drop([.. Enumerable.Range(1, _layers.Map.Count - 1)]);
        var one = ModelRewriter.Apply(_layers.Map, plan).Model;
        Assert.Single(BlockDetector.Detect(one).Blocks);
        Assert.Equal(["0.attention", "0.mlp"], BlockDetector.Detect(one, Granularity.Sublayer).HalfNames!.Value.AsEnumerable());
        var without = With(one, null);
        Assert.Equal("MKA011", Assert.Throws<RefusedException>(() => BlockDetector.Detect(without)).Refusal.Code);
    }

    /// <summary>The next run takes blocks off a model that only its hint tells, and writes what is true of its own result.</summary>
    [Fact]
    public void A_hint_does_not_outlive_its_model()
    {
        var map = _halves.Map;
        var first = ModelRewriter.Apply(map, _halves.Drop(map.Count - 1)).Model;
        Assert.Contains(SeamHint.Key, first.Metadata.Keys);
        var again = BlockDetector.Detect(first, Granularity.Sublayer);
        Assert.Equal(map.Count - 1, again.Count);
        var second = ModelRewriter.Apply(
            again, MergePlanner.Plan(again, null, new PlanOptions { Method = Method.Drop, Named = [again.Count - 1] }, ""));
        Assert.Equal(map.LayerCount - 1, BlockDetector.Detect(second.Model).Count);
        Assert.DoesNotContain(SeamHint.Key, second.Model.Metadata.Keys);
    }

    private static void AssertIgnored(BlockMap map, string hint)
    {
        var granularity = map.HalfNames is null ? Granularity.Block : Granularity.Sublayer;
        Assert.Equal(Text(map), Text(BlockDetector.Detect(With(map.Model, hint), granularity)));
    }

    private static string Hint(string[] seams, string[]? units) => JsonSerializer.Serialize(new { seams, units });

    private static OnnxModel With(OnnxModel model, string? hint)
    {
        var script = new EditScript();
        script.Add("test", new GraphEdit.SetMetadata(SeamHint.Key, hint));
        return GraphEditor.Apply(model, script);
    }

    /// <summary>What the head multiplies.</summary>
    private static string FinalNorm(BlockMap map) => GraphIndex.Of(map.Model.Graph).Producer(map.Logits)!.Inputs[0];

    /// <summary>A value of block 0 that is no cut.</summary>
    private static string Inner(BlockMap map) => map.Model.Graph.Nodes[map.Blocks[0].Nodes[^1]].Inputs[^1];

    private static string Text(BlockMap map) => string.Join('\n', map.Blocks.Select(b => JsonSerializer.Serialize(b)));
}
