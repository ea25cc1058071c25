namespace OnnxMka.Alignment.Tests;

public sealed class DiffusionKernelTests
{
    // u0 and A are built from row sums of N positive terms, each within N 2^-53; products add a few units more.
    private const double Rounding = 150 * 8 * 1.2e-16;

    [Theory]
    [InlineData(9)]
    [InlineData(149)]
    public void TheOperatorIsSymmetricToTheLastBit(int n)
    {
        var diffusion = Operator(n, 0);
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < i; j++)
                Assert.Equal(diffusion.Values[(i * n) + j], diffusion.Values[(j * n) + i]);
        }
    }

    [Fact]
    public void TheStationaryVectorIsItsUnitEigenvectorOfOne()
    {
        const int N = 149;
        var diffusion = Operator(N, 0);
        var u = diffusion.Stationary;
        Assert.InRange(u.Sum(value => value * value), 1 - Rounding, 1 + Rounding);
        Assert.All(u, value => Assert.True(value > 0));
        for (var i = 0; i < N; i++)
        {
            var image = Enumerable.Range(0, N).Sum(j => diffusion.Values[(i * N) + j] * u[j]);
            Assert.InRange(image, u[i] - Rounding, u[i] + Rounding);
        }
    }

    [Fact]
    public void AVeryNarrowKernelLeavesTheIdentity()
    {
        const int N = 10;
        var squared = Squared(N);
        var diffusion = DiffusionKernel.Normalise(squared, N, 1e-150, 0); // (D / sigma)^2 overflows: exp(-infinity) = 0
        for (var i = 0; i < N; i++)
        {
            for (var j = 0; j < N; j++)
                Assert.Equal(i == j ? 1.0 : 0.0, diffusion.Values[(i * N) + j]);
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(7)]
    public void TheBitsAreTheSameOnAnyNumberOfThreads(int threads)
    {
        var one = Operator(200, 1);
        var many = Operator(200, threads);
        Assert.Equal(one.Values, many.Values);
        Assert.Equal(one.Stationary, many.Stationary);
    }

    private static DiffusionOperator Operator(int n, int threads) => DiffusionKernel.Normalise(Squared(n), n, 4.0, threads);

    private static double[] Squared(int n)
    {
        var squared = new double[n * n];
        new CpuScoringKernels().SquaredDistances(SyntheticSeams.Noise(n, 12, seed: n), squared, 0);
        return squared;
    }
}
