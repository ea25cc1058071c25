namespace OnnxMka.Alignment.Tests;

public sealed class MergeWeightTests
{
    [Theory]
    [InlineData(0, 0.5)]
    [InlineData(0.3, 0.5)]
    [InlineData(0.5, 0.5)]
    [InlineData(0.83, 0.83)]
    [InlineData(1, 1)]
    public void IsTheSimilarityButAtLeastOneHalf(double npib, double alpha) => Assert.Equal(alpha, MergeWeight.FromSimilarity(npib));

    [Theory]
    [InlineData(-0.01)]
    [InlineData(1.01)]
    [InlineData(double.NaN)]
    public void WhatIsNoSimilarityIsAnError(double npib) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => MergeWeight.FromSimilarity(npib));
}
