using System.Collections.Immutable;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Steps.Cutting;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Merging;
using OnnxMka.Steps.Refitting;
using OnnxMka.Structure;
using Sizes = System.Collections.Immutable.ImmutableSortedDictionary<string, int>;
using Step = OnnxMka.Bench.Step;

namespace OnnxMka.Tests.Cutting;

/// <summary>A model that was cut goes through everything again.</summary>
public sealed class CutAgainTests
{
    [Fact]
    public void A_pair_is_one_matrix_to_the_next_cut()
    {
        using var folder = new TempFolder();
        var once = Run(folder, "once", Cutting(16, 48));
        var site = SiteOf(once, "1.attention", "self_attn/q_proj");
        Assert.Equal((64, 64, 16, 16L * 128), (site.Inputs, site.Outputs, site.Rank, site.Elements));

        var twice = Run(folder, "twice", Cutting(8, 24), folder["once"]);
        Assert.Equal(8, SiteOf(twice, "1.attention", "self_attn/q_proj").Rank);
        Assert.Equal(once.Model.Graph.Nodes.Count, twice.Model.Graph.Nodes.Count);
        Assert.Equal(
            "MKA081",
            Assert.Throws<RefusedException>(() => Run(folder, "more", Cutting(24, 24), folder["once"])).Refusal.Code);
    }

    /// <summary>Its own rank takes nothing from a pair: what the model computes stays.</summary>
    [Fact]
    public void A_pair_at_its_own_rank_computes_the_same()
    {
        using var folder = new TempFolder();
        Run(folder, "once", Named("1.attention", "self_attn/q_proj", 16));
        Run(folder, "again", Named("1.attention", "self_attn/q_proj", 16), folder["once"]);
        // A sum of 64 products for every one of some twenty matrices between, in fp32.
        var (before, after) = (Logits(folder["once"]), Logits(folder["again"]));
        var tolerance = 8 * Math.ScaleB(1, -24) * Math.Sqrt(20 * 64) * LogitTolerance.RootMeanSquare(before);
        var difference = LogitTolerance.Distance(before, after);
        Run(folder, "less", Named("1.attention", "self_attn/q_proj", 8), folder["once"]);
        // The refits behind it may move weights where that helps on the same text, which the first run has done.
        Assert.True(difference <= tolerance, $"{difference:e2}, at most {tolerance:e2}");
        Assert.True(LogitTolerance.Distance(before, Logits(folder["less"])) > tolerance);
    }

    [Fact]
    public void It_is_dropped_from_and_refitted_and_chosen_again()
    {
        using var folder = new TempFolder();
        Run(folder, "once", Cutting(16, 48));
        var dropped = Run(folder, "dropped", new Drop { Blocks = ["3"] }, folder["once"]);
        Assert.Equal(SmallDecoder.Blocks - 1, dropped.LayerCount);
        var refitted = Run(folder, "refitted", [new Drop { Blocks = ["3"] }, new Refit()], folder["once"]);
        Assert.Equal(SmallDecoder.Blocks - 1, refitted.LayerCount);
        var chosen = Run(folder, "chosen", new Cut { Ratio = 0.2 }, folder["once"]);
        var view = NormalisedView.Of(chosen.Model);
        Assert.All(
            chosen.Blocks.SelectMany(b => Sites.Of(chosen, view, b).Found), s => Assert.True(s.Elements <= (long)s.Inputs * s.Outputs));
    }

    /// <summary>Blocks of different shapes cannot be merged, and those of one shape can.</summary>
    [Fact]
    public void It_is_merged_where_shapes_are_equal_and_refused_elsewhere()
    {
        using var folder = new TempFolder();
        Run(folder, "once", Cutting(16, 48));
        var refusal = Assert.Throws<RefusedException>(() => Run(folder, "merged", new Merge { Blocks = ["2"] }, folder["once"])).Refusal;
        Assert.Contains(refusal.Code, new[] { "MKA040", "MKA041" });
    }

    private static Site SiteOf(BlockMap map, string unit, string name) =>
        Sites.Of(map, NormalisedView.Of(map.Model), map.Blocks.Single(b => b.Name == unit)).Found.Single(s => s.Name == name);

    private static Cut Cutting(int rank, int width) => new()
    {
        Units = Named("1.attention", "self_attn/q_proj", rank).Units.Add("1.mlp", Sizes.Empty.Add("width", width)),
    };

    private static Cut Named(string unit, string site, int size) => new()
    {
        Units = ImmutableSortedDictionary<string, Sizes>.Empty.Add(unit, Sizes.Empty.Add(site, size)),
    };

    private static float[] Logits(string folder)
    {
        using var session = new DecoderSession(Path.Combine(folder, "model.onnx"));
        var step = session.Prefill([.. Enumerable.Range(1, 12)]);
        step.Cache.Dispose();
        return step.Logits;
    }

    private static BlockMap Run(TempFolder folder, string name, Step step, string? from = null) => Run(folder, name, [step], from);

    private static BlockMap Run(TempFolder folder, string name, ImmutableArray<Step> steps, string? from)
    {
        var options = SmallDecoder.Write(SmallDecoder.Map, folder[$"{name}-in"]);
        Compressor.Run(options with
        {
            Input = from is null ? options.Input : Path.Combine(from, "model.onnx"),
            Recipe = options.Recipe with { Steps = steps },
            Output = new() { Path = folder[name], Force = true },
            Evaluate = false,
        });
        return BlockDetector.DetectFinest(OnnxModel.Load(folder[$"{name}/model.onnx"]));
    }
}
