using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Graph.Editing;
using OnnxMka.Matching;
using OnnxMka.Outcomes;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Tests.Matching;

/// <summary>Units of a block in another order: the same function, and an average that finds its way back.</summary>
public sealed class AlignedMergeTests
{
    private const int Kept = 6;
    private const int Other = 7;

    /// <summary>
    /// Block 7 is block 6 with its neurons and heads shuffled: aligned, the average is block 6 bit for bit; as it stands, it is not.
    /// </summary>
    [Fact]
    public void A_shuffled_copy_merges_back_into_the_original()
    {
        var twins = Twins(Books16.Map, [(AlignUnits.Mlp, Shuffled(352, 1)), (AlignUnits.Heads, [3, 2, 0, 1])]);
        var plan = MergePlanner.Plan(twins, null, new PlanOptions { Named = [Other], Alpha = 0.5 }, "");
        var (refined, report) = Refine(twins, plan, new PlanOptions { Align = AlignUnits.Both });
        // Not 1: block 7 sees what block 6 leaves, so its equal units see another stream.
        Assert.All(report.Matches, m => Assert.True(m.After > 0.9 && m.Before < 0.1, $"{m}"));
        Assert.Equal(4, report.Matches.Single(m => m.Units == AlignUnits.Heads).Moved);
        Assert.All(Deltas(twins, refined), d => Assert.Equal(0, d));
        Assert.Contains(Deltas(twins, plan), d => d > 0.1);
        // The plan holds the orders: read again, it gives the same.
        Assert.All(Deltas(twins, PlanJson.Read(PlanJson.Write(refined), "plan")), d => Assert.Equal(0, d));
    }

    /// <summary>
    /// Another order of float sums: 2^-24 times some hundred roundings. A control that leaves one matrix behind is of order 1.
    /// </summary>
    [Theory]
    [InlineData(nameof(LlamaPresets.GenAiLlamaGqa), 1e-4)]
    [InlineData(nameof(LlamaPresets.DynamoLlama), 1e-4)]
    [InlineData(nameof(LlamaPresets.TorchScriptGemm), 1e-4)]
    [InlineData(nameof(LlamaPresets.DynamoConstantWeights), 1e-4)]
    public void Another_order_of_units_leaves_the_logits(string form, double tolerance)
    {
        using var folder = new TempFolder();
        DecoderForge.WriteFolder(Presets.ByName(form).Books16Model(Forge.Books16.Read(Books16.ModelPath)), folder.FullPath);
        var map = BlockDetector.Detect(OnnxModel.Load(folder["model.onnx"]));
        var expected = Books16.Logits(map.Model, Books16.Prompt);
        var permuted = PermutedBlocks.Apply(map, [Order(AlignUnits.Mlp, Shuffled(352, 2)), Order(AlignUnits.Heads, [2, 3, 1, 0])]);
        Assert.InRange(Compare.Relative(expected, Books16.Logits(permuted.Model, Books16.Prompt)), 0, tolerance);
        var down = map.Blocks[Other].Parameters.Single(
            p => map.Tensor(p.Initializer).Shape is [352, 128] or [128, 352] && p.Role.Contains("down", StringComparison.Ordinal));
        var script = new EditScript();
        ParameterEdit.Replace(
            map,
            GraphIndex.Of(map.Model.Graph),
            down,
            new PermutedTensor(map.Tensor(down.Initializer), map.Tensor(down.Initializer).Shape[0] == 352 ? 0 : 1, [.. Shuffled(352, 2)]),
            "control",
            script,
            "test");
        Assert.True(
            Compare.Relative(expected, Books16.Logits(GraphEditor.Apply(map.Model, script), Books16.Prompt)) > 100 * tolerance,
            "the control: one matrix alone");
    }

    [Fact]
    public void Heads_that_do_not_keep_to_their_groups_are_refused()
    {
        var refusal = Assert.Throws<RefusedException>(() => PermutedBlocks.Apply(Books16.Map, [Order(AlignUnits.Heads, [0, 2, 1, 3])]));
        Assert.Equal("MKA042", refusal.Refusal.Code);
    }

    /// <summary>
    /// Shares that are fitted bring the merged block nearer to the pair on tokens that were not fitted to, or stay as they were.
    /// </summary>
    [Fact]
    public void Fitted_shares_lower_the_held_out_error()
    {
        var plan = MergePlanner.Plan(Books16.Map, null, new PlanOptions { Named = [Other], Alpha = 0.5 }, "");
        var (refined, report) = Refine(Books16.Map, plan, new PlanOptions { FitAlpha = true });
        var fit = Assert.Single(report.Fits);
        Assert.True(fit.Kept && fit.ErrorAfter < 0.9 * fit.ErrorBefore, $"{fit}");
        Assert.All(refined.Groups.Single(g => g.IsMerge).Fitted, f => Assert.Equal(1, f.Weights.Values.Sum(), 12));
        Assert.True(refined.AsDrop().Groups.All(g => g.Fitted.IsDefaultOrEmpty));
    }

    private static BlockPermutation Order(AlignUnits units, IEnumerable<int> from) => new(Other, units, PackedLayout.Sections, [.. from]);

    private static int[] Shuffled(int count, int seed)
    {
        var order = Enumerable.Range(0, count).ToArray();
        new Random(seed).Shuffle(order);
        return order;
    }

    private static BlockMap Twins(BlockMap map, (AlignUnits Units, int[] From)[] orders)
    {
        var script = new EditScript();
        for (var i = 0; i < map.Blocks[Kept].Parameters.Length; i++)
        {
            var from = map.Tensor(map.Blocks[Kept].Parameters[i].Initializer);
            script.Add("test", new GraphEdit.ReplaceInitializer(map.Blocks[Other].Parameters[i].Initializer, from.Content));
        }

        return PermutedBlocks.Apply(
            BlockDetector.Detect(GraphEditor.Apply(map.Model, script)), [.. orders.Select(o => Order(o.Units, o.From))]);
    }

    private static (MergePlan Plan, MergeReport Report) Refine(BlockMap map, MergePlan plan, PlanOptions options)
    {
        var windows = ReferenceFile.Instance.Windows;
        var split = new CalibrationSplit(Set(windows.Take(6)), Set(windows.Skip(6).Take(2)));
        return MergeRefinement.Run(map, plan, options, split, new ChainOptions(), ExecutionTarget.Cpu, NoProgress.Instance, default);

        static CalibrationSet Set(IEnumerable<int[]> rows) => new([.. rows], 128, "reference windows", "");
    }

    private static double[] Deltas(BlockMap map, MergePlan plan)
    {
        var rewritten = ModelRewriter.Apply(map, plan);
        return [.. Verification.MergeProof.Measure(map, rewritten, rewritten.Model).Select(d => d.Delta)];
    }
}
