namespace OnnxMka.Alignment.Tests;

public sealed class ScaledCoordinatesTests
{
    // Sums of N terms of magnitude 1 round by N 2^-53; a deviation of 1e-6 beside an offset of 1 magnifies that by 1e6.
    [Theory]
    [InlineData(0, 1, 1e-13)]
    [InlineData(1, 1e-6, 1e-8)]
    public void EveryCoordinateHasZeroMeanAndUnitVariance(double offset, double scale, double tolerance)
    {
        double[] values = [.. SyntheticSeams.Normal(new Random(1), 300).Select(value => offset + (scale * value))];
        var scaled = ScaledCoordinates.Of(SyntheticSeams.Embedding(3, values));
        Assert.Equal((100, 3), (scaled.Samples, scaled.Dimension));
        for (var k = 0; k < 3; k++)
        {
            var column = scaled.Column(k).ToArray();
            Assert.InRange(column.Average(), -tolerance, tolerance);
            Assert.InRange(column.Average(value => value * value), 1 - tolerance, 1 + tolerance);
        }
    }

    [Fact]
    public void AFlippedCoordinateIsTheSameButForItsSign()
    {
        var values = SyntheticSeams.Normal(new Random(2), 50);
        var plain = ScaledCoordinates.Of(SyntheticSeams.Embedding(1, values)).Column(0).ToArray();
        var flipped = ScaledCoordinates.Of(SyntheticSeams.Embedding(1, [.. values.Select(value => -value)])).Column(0).ToArray();
        Assert.Equal(plain, flipped.Select(value => -value));
    }
}
