using OnnxMka.Alignment.Tests.Oracle;

namespace OnnxMka.Alignment.Tests;

/// <summary>What a diffusion map must be, whichever kernels compute it.</summary>
public abstract class DiffusionMapContract(IScoringKernels kernels)
{
    /// <summary>
    /// Relative error of an entry of A: distances (H/8 + 12) 2^-53, times an exponent below 30, and row sums of N terms.
    /// A has no negative entry and norm 1, so this bounds the norm of its error too.
    /// </summary>
    private const double OperatorError = 1e-13;

    [Theory]
    [InlineData(8, 3, 1, 1, null)]
    [InlineData(25, 1, 2, 1, null)]
    [InlineData(40, 24, 3, 0, null)]
    [InlineData(65, 17, 2, 2.5, null)]
    [InlineData(64, 40, 2, 1, 20.0)]
    [InlineData(140, 9, 4, 1, null)] // Lanczos
    public void AgreesWithTheOracle(int samples, int features, int dimension, double time, double? sigma)
    {
        var x = SyntheticSeams.Seam(samples, features, seed: 17 + samples);
        var options = new AlignmentOptions { EmbeddingDimension = dimension, DiffusionTime = time, Sigma = sigma };
        var oracle = NaiveDiffusionMap.Of(x, dimension, time, sigma);
        var embedding = DiffusionMap.Embed(x, options, kernels);

        Assert.InRange(embedding.Sigma, oracle.Sigma * (1 - OperatorError), oracle.Sigma * (1 + OperatorError));
        for (var k = 0; k < embedding.Eigenvalues.Length; k++)
            Assert.InRange(embedding.Eigenvalues[k], oracle.Eigenvalues[k] - OperatorError, oracle.Eigenvalues[k] + OperatorError); // Weyl

        // Davis and Kahan: u_k is off by error / gap, u_0 in the oracle too; psi_k divides by u_0.
        var gap = Enumerable.Range(0, dimension + 1).Min(k => oracle.Eigenvalues[k] - oracle.Eigenvalues[k + 1]);
        var tolerance = 2 * OperatorError / gap / oracle.LeastStationary;
        Assert.InRange(tolerance, 0, 1e-8); // a spectrum too dense to compare by would make this test say nothing
        for (var i = 0; i < oracle.Coordinates.Length; i++)
        {
            Assert.InRange(
                Math.Abs(embedding.Coordinates[i]),
                Math.Abs(oracle.Coordinates[i]) - tolerance,
                Math.Abs(oracle.Coordinates[i]) + tolerance);
        }
    }

    [Theory]
    [InlineData(100, 2)]
    [InlineData(100, 7)]
    [InlineData(300, 2)]
    [InlineData(300, 7)]
    public void TheBitsAreTheSameOnAnyNumberOfThreads(int samples, int threads)
    {
        var x = SyntheticSeams.Seam(samples, 50, seed: 2);
        var one = DiffusionMap.Embed(x, new AlignmentOptions { MaxThreads = 1 }, kernels);
        var many = DiffusionMap.Embed(x, new AlignmentOptions { MaxThreads = threads }, kernels);
        Assert.Equal(one.Coordinates.AsEnumerable(), many.Coordinates);
        Assert.Equal(one.Eigenvalues.AsEnumerable(), many.Eigenvalues);
        Assert.Equal((one.Sigma, one.EigenResidual), (many.Sigma, many.EigenResidual));
    }

    [Fact]
    public void ScalingAllActivationsByAPowerOfTwoChangesSigmaOnly()
    {
        var x = SyntheticSeams.Seam(60, 20, seed: 8);
        var scaled = new SampleMatrix(60, 20, [.. x.Values.ToArray().Select(value => value * 1024)]);
        var options = new AlignmentOptions();
        LayerEmbedding plain = DiffusionMap.Embed(x, options, kernels), large = DiffusionMap.Embed(scaled, options, kernels);
        Assert.Equal(plain.Coordinates.AsEnumerable(), large.Coordinates);
        Assert.Equal(1024 * plain.Sigma, large.Sigma);
    }
}
