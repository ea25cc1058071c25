using OnnxMka.Forge;
using OnnxMka.Graph;
using OnnxMka.Measuring;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Selection;
using OnnxMka.Tests.Forms;
using OnnxMka.Tests.Running.Parts;

namespace OnnxMka.Tests.Selection;

/// <summary>Every selection in every form that can be fed with tokens.</summary>
public sealed class SelectionFormTests
{
    private static readonly CalibrationSet Set = new(
        [.. Enumerable.Range(0, 4).Select(i => Enumerable.Range(0, 16).Select(t => ((i * 29) + (t * t * 5) + t) % 97).ToArray())],
        16,
        "made up",
        "");

    public static TheoryData<string> TakingTokens => ChainFormsTests.TakingTokens;

    /// <summary>The oracle: whole models without each candidate, built by the rewriter and measured one by one.</summary>
    [Theory]
    [MemberData(nameof(TakingTokens))]
    public void Greedy_removal_takes_the_block_that_whole_models_miss_least(string name)
    {
        using var form = new FormModel(Presets.ByName(name).Model());
        var chain = BlockChain.Of(form.Map, ExecutionTarget.Cpu);
        using var seams = OriginalSeams.Of(chain, Set);
        using var greedy = new GreedyLoss(chain, seams, new GreedyOptions { Candidates = [.. Enumerable.Range(1, form.BlockCount - 2)] });
        var chosen = greedy.Choose(1, null, default)[0];
        var losses = Enumerable.Range(1, form.BlockCount - 2)
            .ToDictionary(
                b => b, b => Perplexity.Measure(Runners.Whole(8), ModelRewriter.Apply(form.Map, form.Drop(b)).Blocks, Set).MeanNll);
        Assert.Equal(losses[chosen.Block], chosen.Score, Tolerance(name));
        Assert.All(losses.Values, loss => Assert.True(chosen.Score <= loss + Tolerance(name)));
        Assert.True(
            losses.Count < 2 || losses.Values.Max() - losses.Values.Min() > Tolerance(name),
            "the control: candidates differ by more than the tolerance");
    }

    /// <summary>The oracle: cosines and kernels of the streams in float64, here.</summary>
    [Theory]
    [MemberData(nameof(TakingTokens))]
    public void Seam_selections_take_the_block_that_changes_the_stream_least(string name)
    {
        using var form = new FormModel(Presets.ByName(name).Model());
        var chain = BlockChain.Of(form.Map, ExecutionTarget.Cpu);
        using var seams = OriginalSeams.Of(chain, Set);
        var candidates = Enumerable.Range(1, form.BlockCount - 2).ToArray();
        Check(new BlockInfluence(), b => 1 - Tokens(b - 1).Zip(Tokens(b), Cosine).Average());
        Check(
            new AngularWindow(),
            b => Tokens(b - 1).Zip(Tokens(b), Cosine)
                .Where((_, t) => t % Set.Length == Set.Length - 1)
                .Average(c => Math.Acos(c) / Math.PI));

        void Check(SeamSelector selector, Func<int, double> score)
        {
            var expected = candidates.ToDictionary(b => b, score);
            var chosen = selector.Choose(seams, candidates, 1, default)[0];
            // float64 sums of the same float32 values, in another order: 1e-9, which an arccos near 1 may steepen ten-thousandfold.
            Assert.Equal(expected[chosen.Block], chosen.Score, 1e-5);
            Assert.Equal(expected.Values.Min(), chosen.Score, 1e-5);
        }

        double[][] Tokens(int block) => [.. Enumerable.Range(0, Set.Count).SelectMany(sample =>
        {
            var values = new float[Set.Length * seams[block].Width];
            seams[block].ReadFloats(sample, values);
            return values.Select(v => (double)v).Chunk(seams[block].Width);
        })];
    }

    private static double Cosine(double[] a, double[] b) =>
        a.Zip(b, (x, y) => x * y).Sum() / Math.Sqrt(a.Sum(x => x * x) * b.Sum(x => x * x));

    /// <summary>
    /// Logits of at most 10 in size that are off by the relative tolerance of a chain move a loss by at most twice that times 10: fp32 4 x
    /// 4 units of 2^-23, fp16 5 half units of 2^-10 of which the mean over 60 tokens leaves an eighth.
    /// </summary>
    private static double Tolerance(string name) => Presets.ByName(name).Spec.Form is { Type: ElementType.Float16, FloatResidual: false }
        ? 20 * 5 * Math.ScaleB(1, -11) / 8
        : 20 * 16 * Math.ScaleB(1, -23);
}
