using OnnxMka.Measuring;
using OnnxMka.Rewriting;
using OnnxMka.Running.Sessions;

namespace OnnxMka.Tests.Measuring;

/// <summary>Speed in turns. Times are the machine's; what is tested is what was run, and that much more work shows.</summary>
public sealed class SpeedTests
{
    [Theory]
    [InlineData(new[] { 3.0, 1, 2 }, 2, 1, 3)]
    [InlineData(new[] { 4.0, 1, 2, 3 }, 2.5, 1, 4)]
    [InlineData(new[] { 7.0 }, 7, 7, 7)]
    public void A_rate_is_a_median_and_its_spread(double[] runs, double median, double low, double high) =>
        Assert.Equal(new Rate(median, low, high), Rate.Of(runs));

    [Fact]
    public void A_quarter_of_the_blocks_is_faster_and_smaller()
    {
        var few = ModelRewriter.Apply(Books16.Map, Books16.Plan([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])).Blocks;
        var table = Speed.Measure([Books16.Map, few], ReferenceFile.Instance.Windows, null, ExecutionTarget.Cpu)!;
        var length = ReferenceFile.Instance.Windows.Max(w => w.Length);
        Assert.Equal((Speed.Rounds, length), (table.Rounds, table.PromptTokens + table.DecodedTokens));
        Assert.All(
            table.Models, m => Assert.True(m.Prefill.Low <= m.Prefill.Median && m.Prefill.Median <= m.Prefill.High && m.Decode!.Low > 0));
        // A quarter of the blocks: near 3 times as fast on a quiet machine, runs in turns, medians. 1 is what equal models give.
        Assert.True(
            table.Models[1].Bound.Median > 1.2 * table.Models[0].Bound.Median, $"{table.Models[0].Bound} and {table.Models[1].Bound}");
    }

    [Fact]
    public void Windows_respect_the_context_and_too_little_text_gives_nothing()
    {
        int[][] text = [[.. Enumerable.Range(0, 300)]];
        Assert.Equal(24, Speed.Measure([Books16.Map], text, 32, ExecutionTarget.Cpu)!.PromptTokens);
        Assert.Null(Speed.Measure([Books16.Map], [[1, 2, 3]], null, ExecutionTarget.Cpu));
        Assert.Null(Speed.Measure([Books16.Map], [], null, ExecutionTarget.Cpu));
    }
}
