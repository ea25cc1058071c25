namespace OnnxMka.Alignment.Tests;

public sealed class DiffusionKernelTests() : DiffusionOperatorContract(new CpuScoringKernels())
{
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

    private static DiffusionOperator Operator(int n, int threads)
    {
        var squared = new double[n * n];
        ((IScoringKernels)new CpuScoringKernels()).SquaredDistances(SyntheticSeams.Noise(n, 12, seed: n), squared, 0);
        return DiffusionKernel.Normalise(squared, n, 4.0, threads);
    }
}
