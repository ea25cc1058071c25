using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Steps.Cutting;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Reaching;
using OnnxMka.Steps.Refitting;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Cutting;

/// <summary>Cuts of a small decoder with random weights: what is taken, what is told, and what is refused.</summary>
public sealed class CutTests
{
    /// <summary>
    /// The share that was asked for goes, and as little more as the coarsest step allows: eight neurons or ranks of one place.
    /// </summary>
    [Theory]
    [InlineData(0.2)]
    [InlineData(0.5)]
    public void The_share_goes_that_was_asked_for(double ratio)
    {
        using var folder = new TempFolder();
        var before = Elements(SmallDecoder.Map);
        var result = Run(folder, "out", new Cut { Ratio = ratio });
        var after = Elements(Written(folder, "out"));
        var report = Report(result);
        Assert.Equal((before, after), (report.ParametersBefore, report.Parameters));
        Assert.InRange(after, before * (1 - ratio - 0.05), before * (1 - ratio));
        Assert.Equal(report.Parameters, report.Units.Sum(u => u.Parameters));
    }

    /// <summary>Decided steps leave nothing to choose: they give the same bytes.</summary>
    [Fact]
    public void A_decided_cut_gives_the_same_bytes()
    {
        using var folder = new TempFolder();
        var result = Run(folder, "out", new Cut { Ratio = 0.4 });
        Assert.All(result.Steps, s => Assert.True(s is Drop or Refit or Cut { IsDecided: true }));
        Run(folder, "replayed", [.. result.Steps]);
        Assert.Equal(File.ReadAllBytes(folder["out/model.onnx"]), File.ReadAllBytes(folder["replayed/model.onnx"]));
    }

    /// <summary>Widths alone add no node, and halves alone leave matrices whole.</summary>
    [Fact]
    public void Only_what_is_allowed_is_taken()
    {
        using var folder = new TempFolder();
        Run(folder, "widths", new Cut { Ratio = 0.2, Allow = [CutPart.Widths] });
        Assert.Equal(SmallDecoder.Map.Model.Graph.Nodes.Count, Written(folder, "widths").Model.Graph.Nodes.Count);
        Assert.Equal(SmallDecoder.Blocks, BlockDetector.Detect(Written(folder, "widths").Model).Count);

        var halves = Run(folder, "halves", new Cut { Ratio = 0.3, Allow = [CutPart.Halves] });
        Assert.Equal([typeof(Drop), typeof(Refit)], halves.Steps.Select(s => s.GetType()));

        var ranks = Report(Run(folder, "ranks", new Cut { Ratio = 0.1, Allow = [CutPart.Ranks] }));
        Assert.DoesNotContain(ranks.Units, u => u.Gone || u.Sizes.Any(s => s.Name == "width"));
    }

    /// <summary>A whole layer is allowed and its halves are not: they go together.</summary>
    [Fact]
    public void Blocks_go_as_a_whole()
    {
        using var folder = new TempFolder();
        var result = Run(folder, "blocks", new Cut { Ratio = 0.3, Allow = [CutPart.Blocks] });
        var gone = Report(result).Units.Where(u => u.Gone).Select(u => u.Unit.Split('.')[0]).ToArray();
        Assert.NotEmpty(gone);
        Assert.All(gone.GroupBy(l => l), layer => Assert.Equal(2, layer.Count()));
    }

    [Fact]
    public void A_size_takes_as_little_as_fits()
    {
        using var folder = new TempFolder();
        var whole = ModelWriter.Plan(SmallDecoder.Map.Model, "model.onnx").TotalBytes;
        var limit = whole - (whole / 8);
        Run(folder, "out", new Reach { Bytes = limit, Steps = [new Cut()] });
        var bytes = new FileInfo(folder["out/model.onnx"]).Length;
        Assert.InRange(bytes, limit - (whole / 20), limit);
    }

    [Fact]
    public void What_cannot_be_taken_is_refused()
    {
        using var folder = new TempFolder();
        var refusal = Assert.Throws<RefusedException>(() => Run(folder, "out", new Cut { Ratio = 0.95, Allow = [CutPart.Widths] })).Refusal;
        Assert.Equal("MKA080", refusal.Code);
        Assert.Contains("at most", refusal.What, StringComparison.Ordinal);
        Assert.Equal("MKA081", Assert.Throws<RefusedException>(() => Run(folder, "out", Named("1.mlp", "no_such", 8))).Refusal.Code);
        Assert.Equal("MKA081", Assert.Throws<RefusedException>(() => Run(folder, "out", Named("1.mlp", "width", 10_000))).Refusal.Code);
        Assert.Equal("MKA040", Assert.Throws<RefusedException>(() => Run(folder, "out", Named("99.mlp", "width", 8))).Refusal.Code);
        Assert.Equal("MKA066", Assert.Throws<RefusedException>(() => Run(folder, "out", new Cut())).Refusal.Code);
        Assert.False(Directory.Exists(folder["out"]));
    }

    private static Cut Named(string unit, string site, int size) => new()
    {
        Units = ImmutableSortedDictionary<string, ImmutableSortedDictionary<string, int>>.Empty
            .Add(unit, ImmutableSortedDictionary<string, int>.Empty.Add(site, size)),
    };

    private static CutReport Report(CompressionResult result) => result.Sections.Select(s => s.Value).OfType<CutReport>().Single();

    private static long Elements(BlockMap map)
    {
        var view = NormalisedView.Of(map.Model);
        return map.Blocks.Sum(b => Sites.Of(map, view, b).Elements);
    }

    private static BlockMap Written(TempFolder folder, string name) =>
        BlockDetector.DetectFinest(OnnxModel.Load(folder[$"{name}/model.onnx"]));

    private static CompressionResult Run(TempFolder folder, string name, params ImmutableArray<Step> steps)
    {
        var options = SmallDecoder.Write(SmallDecoder.Map, folder[$"in-{Directory.GetDirectories(folder.FullPath).Length}"]);
        var recipe = options.Recipe with { Steps = steps };
        if (steps.Any(s => s is Drop)) recipe = recipe with { Granularity = Granularity.Sublayer };
        return Compressor.Run(options with
        {
            Recipe = recipe,
            Output = new() { Path = folder[name], Force = true },
            Evaluate = false,
        });
    }
}
