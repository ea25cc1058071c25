namespace OnnxMka.Alignment.Tests;

public sealed class CpuScoringKernelsTests() : ScoringKernelsContract(new CpuScoringKernels())
{
    private readonly CpuScoringKernels _kernels = new();

    [Fact]
    public void AResultOfTheWrongSizeIsAnError() =>
        Assert.Throws<ArgumentException>(() => _kernels.SquaredDistances(SyntheticSeams.Noise(4, 2, 1), new double[15], 1));

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void NeighboursOutsideTheSamplesAreAnError(int neighbours)
    {
        var a = ScaledCoordinates.Of(SyntheticSeams.Embedding(1, [1, 2, 3, 5]));
        Assert.Throws<ArgumentOutOfRangeException>(() => _kernels.NeighbourCounts(a, a, neighbours, new int[4], new int[4]));
    }

    [Fact]
    public void CountsOfTheWrongSizeAreAnError()
    {
        var a = ScaledCoordinates.Of(SyntheticSeams.Embedding(1, [1, 2, 3, 5]));
        Assert.Throws<ArgumentException>(() => _kernels.NeighbourCounts(a, a, 2, new int[4], new int[3]));
    }
}
