using System.Text.Json;
using OnnxMka.Bench;
using OnnxMka.Graph;
using OnnxMka.Jobs;
using OnnxMka.Outcomes;
using OnnxMka.Recipes;
using OnnxMka.Selection;
using OnnxMka.Steps.Dropping;
using OnnxMka.Steps.Refitting;
using OnnxMka.Structure;
using OwnSteps;

namespace OnnxMka.Tests.Samples;

/// <summary>The selector and the step of <c>samples/OwnSteps</c>, which know of the library only what is public, in whole jobs.</summary>
public sealed class OwnStepsTests
{
    private static readonly StepKinds Own = Kinds.With(Selectors.BuiltIn.With(new SmallestNorm())).With(new SparsifyKind());

    private static readonly Step[] Open = [new Drop { Count = 2, Select = "smallest-norm" }, new Sparsify { Share = 0.3 }];

    [Fact]
    public void Blocks_of_the_smallest_norm_go_and_small_weights_become_zero()
    {
        using var folder = new TempFolder();
        var (input, result) = Run(folder, Open);

        // The first block and the last are protected.
        int[] gone = [.. Enumerable.Range(1, SmallDecoder.Blocks - 2).OrderBy(b => Math.Sqrt(Weights(input, b).Sum(w => w * w))).Take(2)];
        Assert.Equal(gone, result.Told<SelectionReport>()!.Chosen.Select(c => c.Block));
        Assert.Equal(gone.Order(), result.Lineage.Plan.Removed);

        int[] kept = [.. Enumerable.Range(0, SmallDecoder.Blocks).Except(gone)];
        Assert.Equal(kept.Select(b => new UnitChange(b, "sparsify")), result.Lineage.Changes);

        var below = Assert.IsType<Sparsify>(result.Steps[1]).Below!.Value;
        var report = result.Told<SparsifyReport>()!;
        var before = kept.SelectMany(b => Weights(input, b)).ToArray();
        Assert.Equal((below, before.Length, before.LongCount(w => Math.Abs(w) < below)), (report.Below, report.Weights, report.Zeros));
        // A bucket of magnitudes is 2^-7 wide: it holds less than a hundredth of weights that are spread as these.
        Assert.InRange((double)report.Zeros / report.Weights, 0.3, 0.31);
        Assert.Contains(result.Verdicts, v => v is { Check: "no small weight is left", Value: 0, Passed: true });

        var written = BlockDetector.Detect(OnnxModel.Load(result.Emitted!.ModelPath));
        Assert.Equal(kept.Length, written.Count);
        for (var place = 0; place < kept.Length; place++)
            Assert.Equal(Weights(input, kept[place]).Select(w => Math.Abs(w) < below ? 0 : w), Weights(written, place));
    }

    /// <summary>What nothing is left to choose of gives the same bytes, and it reads back from a recipe as it is written there.</summary>
    [Fact]
    public void Decided_steps_give_the_same_model()
    {
        using var folder = new TempFolder();
        var (_, first) = Run(folder, Open);
        var options = StepJson.Options(Own);
        var text = JsonSerializer.Serialize<Step[]>([.. first.Steps], options);
        Assert.Contains("""{"sparsify":{"below":""", text, StringComparison.Ordinal);
        using var elsewhere = new TempFolder();
        var (_, again) = Run(elsewhere, JsonSerializer.Deserialize<Step[]>(text, options)!);
        Assert.Equal(File.ReadAllBytes(first.Emitted!.ModelPath), File.ReadAllBytes(again.Emitted!.ModelPath));
    }

    /// <summary>A step behind it that computes weights anew: its own check sees that, and nothing stays.</summary>
    [Fact]
    public void A_check_that_fails_leaves_nothing()
    {
        using var folder = new TempFolder();
        var failed = Assert.Throws<VerificationException>(() => Run(folder, [.. Open, new Refit()]));
        Assert.Contains("no small weight is left", failed.Message, StringComparison.Ordinal);
        Assert.Equal(["in"], Directory.EnumerateFileSystemEntries(folder.FullPath).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData(0.3, 0.1)]
    [InlineData(1.0, null)]
    [InlineData(null, 0.0)]
    public void What_cannot_be_done_is_refused(double? share, double? below)
    {
        using var folder = new TempFolder();
        var refused = Assert.Throws<RefusedException>(() => Run(folder, [new Sparsify { Share = share, Below = below }]));
        Assert.Equal("OWN001", refused.Refusal.Code);
    }

    private static (BlockMap Input, CompressionResult Result) Run(TempFolder folder, Step[] steps)
    {
        var options = SmallDecoder.Write(SmallDecoder.Map, folder["in"]).With(steps);
        return (SmallDecoder.Map, Compressor.Run(options with { Kinds = Own, Evaluate = false, Output = new() { Path = folder["out"] } }));
    }

    /// <summary>All weights of a block's matrices, in order.</summary>
    private static double[] Weights(BlockMap map, int block)
    {
        using var reader = new TensorReader();
        return
        [
            .. map.Blocks[block].Parameters.Select(p => map.Tensor(p.Initializer))
                .Where(t => t.Shape.Length > 1)
                .SelectMany(t => reader.ReadFloats(t))
                .Select(w => (double)w),
        ];
    }
}
