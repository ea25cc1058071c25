namespace OnnxMka.Alignment.Tests;

public sealed class AlignmentOptionsTests
{
    [Fact]
    public void DefaultsAreTheDocumentedOnes()
    {
        var options = new AlignmentOptions();
        Assert.Equal((5, 2, 1.0, null, 0),
            (options.Neighbours, options.EmbeddingDimension, options.DiffusionTime, options.Sigma, options.MaxThreads));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void NeighboursAreAtLeastOne(int value) => Refused("Neighbours", () => new AlignmentOptions { Neighbours = value });

    [Theory]
    [InlineData(0)]
    [InlineData(33)]
    public void TheDimensionIsOneToThirtyTwo(int value) =>
        Refused("dimension", () => new AlignmentOptions { EmbeddingDimension = value });

    [Theory]
    [InlineData(-0.1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void TheTimeIsFiniteAndNotNegative(double value) =>
        Refused("diffusion time", () => new AlignmentOptions { DiffusionTime = value });

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(1e-160)]
    [InlineData(1e160)]
    public void SigmaAndItsSquareAreUsable(double value) => Refused("Sigma", () => new AlignmentOptions { Sigma = value });

    [Fact]
    public void ThreadsAreNotNegative() => Refused("threads", () => new AlignmentOptions { MaxThreads = -1 });

    [Fact]
    public void AChangedCopyIsCheckedToo() => Refused("Neighbours", () => new AlignmentOptions() with { Neighbours = 0 });

    private static void Refused(string named, Func<AlignmentOptions> create) =>
        Assert.Contains(named, Assert.Throws<ArgumentOutOfRangeException>(create).Message, StringComparison.Ordinal);
}
