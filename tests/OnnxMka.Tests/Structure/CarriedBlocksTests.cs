using System.Text.Json;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Rewriting;
using OnnxMka.Structure;
using OnnxMka.Tests.Forms;

namespace OnnxMka.Tests.Structure;

/// <summary>Blocks that are carried to what was made of a model are those that are found there anew, or there could be found.</summary>
public sealed class CarriedBlocksTests
{
    private static readonly string[] Accepted =
    [
        .. Presets.Accepted.Where(p => p.Name != nameof(LlamaPresets.IfMergedOptimum)).Select(p => p.Name),
    ];

    public static TheoryData<string> Forms => new(Accepted);

    public static TheoryData<string> Halved => new(Accepted.Where(name => HalfTests.HasHalves(Presets.ByName(name))));

    [Theory]
    [MemberData(nameof(Forms))]
    public void Between_the_seams_that_were_found_lies_what_was_found(string name)
    {
        using var form = new FormModel(Presets.ByName(name).Model());
        Assert.Equal(Text(form.Map), Text(BlockDetector.Between(form.Map.Model, StreamUnits.Of(form.Map))));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void What_is_left_is_found_where_it_was_carried(string name)
    {
        using var form = new FormModel(Presets.ByName(name).Model());
        foreach (var removed in new int[][] { [0], [1], [1, 2], [form.Map.Count - 1] })
        {
            var plan = form.Drop(removed);
            if (Refused(() => ModelRewriter.Reduce(form.Map, plan))) continue;
            AssertSame(ModelRewriter.Reduce(form.Map, plan).Blocks);
            foreach (var keepNames in new[] { false, true })
            {
                var rewritten = ModelRewriter.Apply(form.Map, plan, keepNames);
                AssertSame(rewritten.Blocks);
                Assert.DoesNotContain(SeamHint.Key, rewritten.Model.Metadata.Keys);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void One_block_alone_is_found_by_the_hint(string name)
    {
        using var form = new FormModel(Presets.ByName(name).Model());
        foreach (var left in new[] { 0, form.Map.Count - 1 })
        {
            var plan = form.Drop([.. Enumerable.Range(0, form.Map.Count).Where(b => b != left)]);
            if (Refused(() => ModelRewriter.Reduce(form.Map, plan))) continue;
            var rewritten = ModelRewriter.Apply(form.Map, plan);
            Assert.Contains(SeamHint.Key, rewritten.Model.Metadata.Keys);
            AssertSame(rewritten.Blocks);
        }
    }

    [Theory]
    [MemberData(nameof(Halved))]
    public void Halves_at_the_end_are_found_by_the_hint(string name)
    {
        using var form = new FormModel(Presets.ByName(name).Model(), granularity: Granularity.Sublayer);
        var last = form.Map.LayerCount - 1;
        foreach (var half in new[] { Halves.Attention, Halves.Mlp })
        {
            var removed = form.Map.Blocks.Single(b => b.Layer == last && b.Half == half).Index;
            var rewritten = ModelRewriter.Apply(form.Map, form.Drop(removed));
            Assert.Equal(form.Map.Count - 1, rewritten.Blocks.Count);
            // An attention alone in its layer is, without a hint, a layer.
            if (rewritten.Model.Metadata.ContainsKey(SeamHint.Key)) AssertSame(rewritten.Blocks);
            else Assert.Equal(Seams(BlockDetector.Detect(rewritten.Model, Granularity.Sublayer)), Seams(rewritten.Blocks));
            Assert.Equal(rewritten.Blocks.LayerCount, BlockDetector.Detect(rewritten.Model).Count);
            Assert.Equal(half == Halves.Attention ? $"{last - 1}.mlp2" : $"{last}.attention", rewritten.Blocks.Blocks[^1].Name);
        }
    }

    /// <summary>
    /// A half in the middle is found as it ever was, so nothing is written for it; save where layers alternate, and the one that lost its
    /// MLP was all that told how the last one ends.
    /// </summary>
    [Theory]
    [MemberData(nameof(Halved))]
    public void Halves_in_the_middle_have_a_hint_only_where_they_need_one(string name)
    {
        using var form = new FormModel(Presets.ByName(name).Model(), granularity: Granularity.Sublayer);
        foreach (var half in new[] { Halves.Attention, Halves.Mlp })
        {
            var removed = form.Map.Blocks.Single(b => b.Layer == 1 && b.Half == half).Index;
            var rewritten = ModelRewriter.Apply(form.Map, form.Drop(removed));
            var script = new EditScript();
            script.Add("test", new GraphEdit.SetMetadata(SeamHint.Key, null));
            var anew = BlockDetector.Detect(GraphEditor.Apply(rewritten.Model, script), Granularity.Sublayer);
            Assert.Equal(rewritten.Model.Metadata.ContainsKey(SeamHint.Key), !Seams(anew).SequenceEqual(Seams(rewritten.Blocks)));
            Assert.Equal(
                half == Halves.Mlp && name == nameof(TopologyPresets.Gemma2Sandwich), rewritten.Model.Metadata.ContainsKey(SeamHint.Key));
            Assert.Equal(Seams(BlockDetector.Detect(rewritten.Model, Granularity.Sublayer)), Seams(rewritten.Blocks));
        }
    }

    private static void AssertSame(BlockMap carried)
    {
        var granularity = carried.HalfNames is null ? Granularity.Block : Granularity.Sublayer;
        Assert.Equal(Text(BlockDetector.Detect(carried.Model, granularity)), Text(carried));
    }

    private static bool Refused(Action action)
    {
        try
        {
            action();
            return false;
        }
        catch (RefusedException)
        {
            return true;
        }
    }

    private static string[] Seams(BlockMap map) => [.. StreamUnits.Of(map).Seams];

    private static string Text(BlockMap map) =>
        string.Join(
            '\n', map.Blocks.Select(b => JsonSerializer.Serialize(b)).Append($"{map.TokenInput} {map.TakesEmbeddings} {map.Logits}"));
}
