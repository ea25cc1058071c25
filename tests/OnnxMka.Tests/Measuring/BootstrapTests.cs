using OnnxMka.Measuring;

namespace OnnxMka.Tests.Measuring;

/// <summary>Bootstrap intervals against what is known in closed form.</summary>
public sealed class BootstrapTests
{
    private static readonly Metric Accuracy = new("accuracy", "correct", null, MetricForm.Mean);

    [Theory]
    [InlineData(400, 0.5)]
    [InlineData(1000, 0.25)]
    [InlineData(1000, 0.9)]
    public void An_accuracy_has_the_interval_of_the_binomial(int items, double share)
    {
        double[] correct = [.. Enumerable.Range(0, items).Select(i => i < items * share ? 1.0 : 0.0)];
        double[] ones = [.. correct.Select(_ => 1.0)];
        var (low, high) = Bootstrap.Interval(correct, ones, Accuracy, 0);
        // A resampled mean has standard error s = sqrt(p (1 - p) / n), so the interval is p -+ 1.96 s. A 2.5 % quantile of 1000 draws
        // has itself standard error sqrt(0.025 * 0.975 / 1000) / density(1.96) = 0.085 s: four of them are 0.34 s, plus one step 1/n.
        var s = Math.Sqrt(share * (1 - share) / items);
        var tolerance = (0.34 * s) + (1.0 / items);
        Assert.InRange(low!.Value, share - (1.96 * s) - tolerance, share - (1.96 * s) + tolerance);
        Assert.InRange(high!.Value, share + (1.96 * s) - tolerance, share + (1.96 * s) + tolerance);
        // The control: the interval of a tenth of the items lies outside.
        var wide = Bootstrap.Interval([.. correct.Where((_, i) => i % 10 == 0)], [.. ones.Where((_, i) => i % 10 == 0)], Accuracy, 0);
        Assert.False(wide.Low >= share - (1.96 * s) - tolerance);
    }

    [Fact]
    public void Equal_items_leave_no_room()
    {
        var (low, high) = Bootstrap.Interval([2, 2, 2], [1, 1, 1], new Metric("perplexity", "nll", "tokens", MetricForm.Exp), 3);
        Assert.Equal((Math.Exp(2), Math.Exp(2)), (low, high));
    }

    /// <summary>
    /// Draws with an item that the model holds for impossible are infinite, those without it are not: so is the interval.
    /// </summary>
    [Fact]
    public void An_infinite_item_has_an_interval_that_is_open_above()
    {
        double[] nll = [.. Enumerable.Repeat(1.0, 40), double.PositiveInfinity];
        var (low, high) = Bootstrap.Interval(nll, [.. nll.Select(_ => 1.0)], new Metric("perplexity", "nll", "tokens", MetricForm.Exp), 0);
        // A draw of 41 misses one of 41 items with probability (1 - 1/41)^41 = 0.36: both ends are there.
        Assert.Equal((Math.E, double.PositiveInfinity), (low, high));
        nll[^1] = double.NaN;
        Assert.Equal(
            (null, null), Bootstrap.Interval(nll, [.. nll.Select(_ => 1.0)], new Metric("perplexity", "nll", "tokens", MetricForm.Exp), 0));
    }

    [Fact]
    public void The_seed_decides_and_one_item_says_nothing()
    {
        double[] values = [.. Enumerable.Range(0, 50).Select(i => Math.Sin(i))];
        double[] ones = [.. values.Select(_ => 1.0)];
        Assert.Equal(Bootstrap.Interval(values, ones, Accuracy, 1), Bootstrap.Interval(values, ones, Accuracy, 1));
        Assert.NotEqual(Bootstrap.Interval(values, ones, Accuracy, 1), Bootstrap.Interval(values, ones, Accuracy, 2));
        Assert.Null(Bootstrap.Interval([1], [1], Accuracy, 0).Low);
    }
}
