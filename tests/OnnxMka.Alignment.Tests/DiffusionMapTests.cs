namespace OnnxMka.Alignment.Tests;

public sealed class DiffusionMapTests() : DiffusionMapContract(new CpuScoringKernels())
{
    [Fact]
    public void OtherKernelsAreUsedWhenGiven()
    {
        var kernels = new CountingKernels();
        var x = SyntheticSeams.Seam(40, 10, seed: 4);
        var options = new AlignmentOptions();
        var embedding = DiffusionMap.Embed(x, options, kernels);
        SimilarityMatrix.Compute([embedding, embedding], options, kernels: kernels);
        Npib.Score(embedding, embedding, options, kernels);
        Assert.Equal((1, 4), (kernels.Operators, kernels.Counts));
    }

    private sealed class CountingKernels : IScoringKernels
    {
        private readonly IScoringKernels _inner = new CpuScoringKernels();
        private int _operators;
        private int _counts;

        public string Name => "counting";

        public int Operators => _operators;

        public int Counts => _counts;

        public void SquaredDistances(SampleMatrix x, double[] squared, int maxThreads) => _inner.SquaredDistances(x, squared, maxThreads);

        public IDiffusionOperator Diffusion(SampleMatrix x, Func<double[], double> width, int maxThreads)
        {
            Interlocked.Increment(ref _operators);
            return _inner.Diffusion(x, width, maxThreads);
        }

        public void NeighbourCounts(
            ScaledCoordinates left, ScaledCoordinates right, int neighbours, Span<int> leftCounts, Span<int> rightCounts)
        {
            Interlocked.Increment(ref _counts);
            _inner.NeighbourCounts(left, right, neighbours, leftCounts, rightCounts);
        }
    }
}
