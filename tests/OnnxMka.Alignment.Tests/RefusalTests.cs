namespace OnnxMka.Alignment.Tests;

/// <summary>Every message of <see cref="DegenerateDataException"/>, as a user reads it.</summary>
public sealed class RefusalTests
{
    private static readonly AlignmentOptions Defaults = new();

    [Fact]
    public void NonFiniteActivations()
    {
        var values = new float[12];
        values[7] = float.NaN;
        values[9] = float.NegativeInfinity;
        Refused(
            "2 of 12 activations are not finite, the first in sample 2, feature 1: the model overflows or is damaged there. "
            + "Run it in a wider floating-point type, or leave that sample out.",
            () => new SampleMatrix(4, 3, values));
    }

    [Fact]
    public void TooFewSamplesForTheNeighbours()
    {
        const string Message = "6 samples are too few for 5 neighbours: at least 7 are needed. Give more calibration samples.";
        var embedding = SyntheticSeams.Embedding(1, [1, 2, 3, 4, 5, 6]);
        Refused(Message, () => DiffusionMap.Embed(SyntheticSeams.Noise(6, 4, 1), Defaults));
        Refused(Message, () => Npib.Score(embedding, embedding, Defaults));
        Refused(Message, () => SimilarityMatrix.Compute([embedding], Defaults));
    }

    [Fact]
    public void TooFewSamplesForTheCoordinates() => Refused(
        "8 samples are too few for 7 diffusion coordinates: at least 9 are needed. Give more calibration samples.",
        () => DiffusionMap.Embed(SyntheticSeams.Noise(8, 4, 1), Defaults with { EmbeddingDimension = 7 }));

    [Theory]
    [InlineData(null)]
    [InlineData(1.0)]
    public void IdenticalSamples(double? sigma) => Refused(
        "All 20 samples are identical, so they have no geometry. Give different calibration texts.",
        () => DiffusionMap.Embed(Repeated(20, 20), Defaults with { Sigma = sigma }));

    [Fact]
    public void MostSamplesIdentical() => Refused(
        "The median distance of the 20 samples is 0: most of them are identical. Remove the repeated calibration texts, or set sigma.",
        () => DiffusionMap.Embed(Repeated(20, 16), Defaults));

    [Fact]
    public void AKernelTooNarrowToConnectAnything() => Refused(
        "Diffusion coordinate 1 is not determined: eigenvalues 1 and 2 are both 1. "
        + "Use fewer coordinates, a larger sigma, or more varied calibration samples.",
        () => DiffusionMap.Embed(SyntheticSeams.Noise(20, 4, 1), Defaults with { Sigma = 1e-6 }));

    [Fact]
    public void ASpectrumThatEndsBeforeTheCoordinates()
    {
        // Two distinct points, each ten times: rank two, one coordinate.
        var x = new SampleMatrix(20, 1, [.. Enumerable.Range(0, 20).Select(i => (float)(i % 2))]);
        var refusal = Assert.Throws<DegenerateDataException>(() => DiffusionMap.Embed(x, Defaults));
        Assert.StartsWith(
            "Diffusion coordinate 2 is not determined: eigenvalues 2 and 3 are both ", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(1, DiffusionMap.Embed(x, Defaults with { EmbeddingDimension = 1 }).Dimension);
    }

    [Theory]
    [InlineData(20)]
    [InlineData(200)]
    public void EigenvectorsThatDoNotSettle(int n)
    {
        // The identity shifted by one corner: the given u0 is not an eigenvector of it.
        var a = new double[n * n];
        for (var i = 0; i < n; i++)
            a[(i * n) + i] = i == 0 ? 1 : 0.5;
        var wrong = new DiffusionOperator(a, n, [.. Enumerable.Repeat(1 / Math.Sqrt(n), n)]);
        var refusal = Assert.Throws<DegenerateDataException>(() => SymmetricEigen.Leading(wrong, 3, 1));
        Assert.Matches(
            @"^The leading eigenvectors of the diffusion operator did not settle: "
            + @"the residual is \d\.\de-\d+, at most 1e-008 is accepted\. "
            + @"Give more or other calibration samples, or another sigma\.$",
            refusal.Message);
    }

    [Fact]
    public void NonFiniteCoordinates() => Refused(
        "1 embedding coordinates are not finite, the first in sample 1, coordinate 0. "
            + "Give more or other calibration samples, or another sigma.",
        () => SyntheticSeams.Embedding(2, [1, 2, double.NaN, 4]));

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)] // its sum over ten samples is not ten times it
    [InlineData(1e300)]
    public void AConstantCoordinate(double value)
    {
        var constant = SyntheticSeams.Embedding(2, [.. Enumerable.Range(0, 20).Select(i => i % 2 == 0 ? i : value)]);
        var fine = SyntheticSeams.Embedding(1, [.. Enumerable.Range(0, 10).Select(i => (double)i)]);
        const string Rest =
            " is constant over all 10 samples, so it says nothing about them. Use fewer coordinates or a smaller diffusion time.";
        Refused("Coordinate 1 of the left embedding" + Rest, () => Npib.Score(constant, fine, Defaults));
        Refused("Coordinate 1 of the right embedding" + Rest, () => Npib.Score(fine, constant, Defaults));
        Refused("Coordinate 1 of embedding 2" + Rest, () => SimilarityMatrix.Compute([fine, fine, constant], Defaults));
    }

    [Fact]
    public void ADiffusionTimeThatLeavesNothing()
    {
        var late = DiffusionMap.Embed(SyntheticSeams.Seam(40, 10, 1), Defaults with { DiffusionTime = 1e6 });
        Assert.StartsWith(
            "Coordinate 0 of the left embedding is constant over all 40 samples",
            Assert.Throws<DegenerateDataException>(() => Npib.Score(late, late, Defaults)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1e-300)]
    [InlineData(1e300)]
    public void ButNotTheMagnitudeOfACoordinate(double scale)
    {
        var random = new Random(3);
        var x = SyntheticSeams.Normal(random, 40);
        var y = SyntheticSeams.Normal(random, 40);
        var plain = Npib.Score(SyntheticSeams.Embedding(1, x), SyntheticSeams.Embedding(1, y), Defaults);
        var scaled = Npib.Score(
            SyntheticSeams.Embedding(1, [.. x.Select(value => value * scale)]), SyntheticSeams.Embedding(1, y), Defaults);
        Assert.Equal(plain, scaled);
    }

    /// <summary>The first <paramref name="same"/> of the samples are one point; the others differ.</summary>
    private static SampleMatrix Repeated(int samples, int same) =>
        new(samples, 1, [.. Enumerable.Range(0, samples).Select(i => i < same ? 3f : 3f + i)]);

    private static void Refused(string message, Func<object> act) =>
        Assert.Equal(message, Assert.Throws<DegenerateDataException>(act).Message);
}
