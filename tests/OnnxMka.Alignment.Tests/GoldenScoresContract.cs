namespace OnnxMka.Alignment.Tests;

/// <summary>The scores of an independent script, whichever kernels compute them.</summary>
public abstract class GoldenScoresContract(IScoringKernels kernels)
{
    // Bound of the distances: (H/8 + 12) 2^-53, below 2e-15; the golden's own summation is as good. 1e-9 leaves room for
    // nothing but rounding: sigma changed by 1e-8 of itself already fails (see the controls below).
    private const double SigmaTolerance = 1e-9;

    // An eigenvalue moves by at most the norm of the change of A (Weyl), here some 1e-15; the smallest one compared is 0.069.
    private const double EigenvalueTolerance = 1e-9;

    // An eigenvector moves by ||change of A|| / gap: 1e-14 / 0.15, times 1 / u_0 = sqrt(64) in psi. 1e-11 is 20 times that.
    private const double EmbeddingTolerance = 1e-11;

    // The counts are integers: equal or not. What is left are 64 additions of terms below 3, 64 * 2^-53 * 2.6.
    private const double NpibTolerance = 1e-12;

    private static readonly AlignmentOptions Defaults = new();

    private readonly GoldenScores _golden = GoldenScores.Load();

    [Fact]
    public void SigmaAgrees()
    {
        var embeddings = _golden.Embed(Defaults, kernels);
        for (var layer = 0; layer < _golden.Layers; layer++)
            AssertClose(_golden.Sigma[layer], embeddings[layer].Sigma, SigmaTolerance * _golden.Sigma[layer]);
    }

    [Fact]
    public void EigenvaluesAgree()
    {
        var embeddings = _golden.Embed(Defaults, kernels);
        for (var layer = 0; layer < _golden.Layers; layer++)
        {
            Assert.Equal(_golden.Eigenvalues[layer].Length, embeddings[layer].Eigenvalues.Length);
            for (var k = 0; k < embeddings[layer].Eigenvalues.Length; k++)
            {
                AssertClose(
                    _golden.Eigenvalues[layer][k], embeddings[layer].Eigenvalues[k], EigenvalueTolerance * _golden.Eigenvalues[layer][k]);
            }
        }
    }

    [Fact]
    public void MagnitudesOfTheCoordinatesAgree() => Assert.InRange(WorstCoordinate(Defaults), 0, EmbeddingTolerance);

    [Fact]
    public void NpibAgrees() => Assert.InRange(WorstNpib(Defaults), 0, NpibTolerance);

    [Fact]
    public void EntropyAgrees() =>
        AssertClose(
            _golden.Entropy,
            Npib.Score(_golden.Embed(Defaults, kernels)[0], _golden.Embed(Defaults, kernels)[1], Defaults, kernels).EntropyLeft,
            NpibTolerance);

    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    public void AnotherNumberOfNeighboursDoesNot(int neighbours) =>
        Assert.True(WorstNpib(Defaults with { Neighbours = neighbours }) > 1e6 * NpibTolerance);

    [Fact]
    public void AnotherSigmaDoesNot()
    {
        var sigma = Defaults with { Sigma = _golden.Sigma[0] * 1.01 };
        var embedding = DiffusionMap.Embed(_golden.Seam(0), sigma, kernels);
        Assert.True(Math.Abs(embedding.Eigenvalues[1] - _golden.Eigenvalues[0][1]) > 1e3 * EigenvalueTolerance);
        Assert.True(WorstCoordinate(sigma) > 1e3 * EmbeddingTolerance);
        Assert.True(WorstNpib(sigma) > 1e6 * NpibTolerance);
    }

    [Fact]
    public void OneChangedActivationDoesNot()
    {
        _golden.Activations[0][0][0] += 1e-3f;
        var embedding = DiffusionMap.Embed(_golden.Seam(0), Defaults, kernels);
        Assert.True(Math.Abs(embedding.Eigenvalues[1] - _golden.Eigenvalues[0][1]) > EigenvalueTolerance);
        Assert.True(WorstCoordinate(Defaults) > EmbeddingTolerance);
    }

    [Fact]
    public void AnotherDiffusionTimeChangesCoordinatesButNotNpib()
    {
        var time = Defaults with { DiffusionTime = 3 };
        Assert.True(WorstCoordinate(time) > 1e3 * EmbeddingTolerance);
        Assert.InRange(WorstNpib(time), 0, NpibTolerance);
    }

    private double WorstCoordinate(AlignmentOptions options)
    {
        double worst = 0;
        var embeddings = _golden.Embed(options, kernels);
        for (var layer = 0; layer < _golden.Layers; layer++)
        {
            for (var i = 0; i < _golden.Samples; i++)
            {
                for (var k = 0; k < 2; k++)
                {
                    worst = Math.Max(
                        worst, Math.Abs(_golden.EmbeddingAbs[layer][i][k] - Math.Abs(embeddings[layer].Coordinates[(i * 2) + k])));
                }
            }
        }

        return worst;
    }

    private double WorstNpib(AlignmentOptions options)
    {
        double worst = 0;
        var similarity = SimilarityMatrix.Compute(_golden.Embed(options, kernels), options, kernels: kernels);
        for (var i = 0; i < _golden.Layers; i++)
        {
            for (var j = 0; j < _golden.Layers; j++)
                worst = Math.Max(worst, Math.Abs(_golden.Npib[i][j] - similarity[i, j]));
        }

        return worst;
    }

    private static void AssertClose(double expected, double actual, double tolerance) =>
        Assert.InRange(actual, expected - tolerance, expected + tolerance);
}
