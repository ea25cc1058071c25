using OnnxMka.Outcomes;

namespace OnnxMka.Tests.Outcomes;

/// <summary>Losses that are not finite are never smaller.</summary>
public sealed class LossTests
{
    private static readonly Loss[] None = [Loss.Of(double.NaN), Loss.Of(double.PositiveInfinity), Loss.Of(double.NegativeInfinity)];

    [Fact]
    public void A_loss_without_a_number_is_behind_every_number_and_equal_to_its_like()
    {
        foreach (var none in None)
        {
            Assert.Equal((false, null, null), (none.IsFinite, none.Nats, none.Perplexity));
            foreach (var number in new[] { 0, -5, 1e300, double.MaxValue })
            {
                Assert.True(Loss.Of(number) < none && none > Loss.Of(number) && !(none <= Loss.Of(number)));
                Assert.Null(none.IncreaseOver(Loss.Of(number)));
                Assert.Null(Loss.Of(number).IncreaseOver(none));
            }

            Assert.All(None, other => Assert.True(none <= other && none >= other && !(none < other)));
        }

        Assert.True(Loss.Of(1) < Loss.Of(2));
        Assert.Equal(Math.E - 1, Loss.Of(3).IncreaseOver(Loss.Of(2))!.Value, 1e-12);
        Assert.Equal(["NaN", "infinite", "infinite"], None.Select(l => l.Reason));
    }

    [Fact]
    public void A_perplexity_beyond_all_numbers_is_none()
    {
        var loss = Loss.Of(1000);
        Assert.Equal((true, null), (loss.IsFinite, loss.Perplexity));
        Assert.Null(loss.IncreaseOver(Loss.Of(1)));
        Assert.True(Loss.Of(999) < loss);
    }

    [Theory]
    [InlineData(new[] { double.NaN, 3, 2, double.PositiveInfinity, 2 }, 2)]
    [InlineData(new[] { 5.0 }, 0)]
    [InlineData(new[] { double.NaN, double.NaN, 1e308 }, 2)]
    public void The_least_is_a_number_and_the_first_of_equals(double[] losses, int expected) =>
        Assert.Equal(expected, Losses.Least(losses.Index(), l => Loss.Of(l.Item), l => [$"{l.Index}"]).Index);

    [Fact]
    public void Where_there_is_no_number_the_first_blocks_are_named()
    {
        var refusal = Assert.Throws<RefusedException>(
            () => Losses.Least([("3", double.NaN), ("4", double.PositiveInfinity)], l => Loss.Of(l.Item2), l => [l.Item1])).Refusal;
        Assert.Equal(("MKA033", "block 3"), (refusal.Code, refusal.Where));
        Assert.Contains("not finite without it (NaN)", refusal.What, StringComparison.Ordinal);
        refusal = Assert.Throws<RefusedException>(() => Losses.Least([1.0 / 0], Loss.Of, _ => ["3", "7.mlp"])).Refusal;
        Assert.Equal("blocks 3, 7.mlp", refusal.Where);
        Assert.Equal("MKA033", Assert.Throws<RefusedException>(() => Losses.OfOriginal(Loss.Of(double.NaN))).Refusal.Code);
    }
}
