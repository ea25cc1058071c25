namespace OnnxMka.Alignment.Tests;

public sealed class MutualInformationTests
{
    [Theory]
    [InlineData(7, 5)]
    [InlineData(64, 5)]
    [InlineData(8192, 1)]
    public void EntropyIsTheDifferenceOfTwoDigammas(int samples, int neighbours)
    {
        // In decimal, 28 digits: exact for this purpose. Compensated summation keeps two units in the last place.
        var expected = (double)Enumerable.Range(neighbours, samples - neighbours).Sum(m => 1m / m);
        var actual = new MutualInformation(samples, neighbours).Entropy;
        Assert.InRange(actual, expected * (1 - 4.5e-16), expected * (1 + 4.5e-16));
    }

    [Fact]
    public void FewestCountsGiveTheEntropyToTheLastBit()
    {
        var estimator = new MutualInformation(50, 5);
        int[] counts = [.. Enumerable.Repeat(4, 50)];
        Assert.Equal(estimator.Entropy, estimator.FromCounts(counts, counts));
    }

    [Fact]
    public void FewerCountsThanNeighboursAmongTiesGiveNoMoreThanTheEntropy()
    {
        var estimator = new MutualInformation(50, 5);
        Assert.Equal(estimator.Entropy, estimator.FromCounts(new int[50], new int[50]));
    }

    [Fact]
    public void AllOthersCountedGivesZeroNotLess()
    {
        int[] counts = [.. Enumerable.Repeat(49, 50)];
        Assert.Equal(0, new MutualInformation(50, 5).FromCounts(counts, counts));
    }

    [Fact]
    public void IndependentNormalsHaveAlmostNone()
    {
        // The estimator is unbiased for independent variables; three deviations of about 0.02 at N = 2000 and k = 5.
        var random = new Random(1);
        Assert.InRange(Estimate(SyntheticSeams.Normal(random, 2000), SyntheticSeams.Normal(random, 2000)), 0, 0.06);
    }

    [Fact]
    public void CorrelatedNormalsHaveWhatTheoryGives()
    {
        // I = -log(1 - r^2) / 2 nats; r = 0.9: 0.830. Three deviations of about 0.03 at N = 2000.
        var random = new Random(2);
        var x = SyntheticSeams.Normal(random, 2000);
        var y = x.Zip(SyntheticSeams.Normal(random, 2000), (a, b) => (0.9 * a) + (Math.Sqrt(1 - 0.81) * b)).ToArray();
        Assert.InRange(Estimate(x, y), 0.830 - 0.09, 0.830 + 0.09);
    }

    private static double Estimate(double[] x, double[] y) =>
        Npib.Score(SyntheticSeams.Embedding(1, x), SyntheticSeams.Embedding(1, y), new AlignmentOptions()).MutualInformation;
}
