using OnnxMka.Alignment.Tests.Oracle;

namespace OnnxMka.Alignment.Tests;

public sealed class NpibTests
{
    // Counts are integers; N additions of terms below psi(N) - psi(1) < 6 round by less than N * 6 * 2^-53 = 2e-13 at N = 300.
    private const double Tolerance = 1e-12;

    [Theory]
    [InlineData(9, 1, 1, 2)]
    [InlineData(20, 2, 2, 1)]
    [InlineData(60, 2, 3, 5)]
    [InlineData(150, 4, 2, 9)]
    [InlineData(300, 2, 2, 5)]
    public void AgreesWithTheOracle(int samples, int left, int right, int neighbours)
    {
        var random = new Random(samples + neighbours);
        var x = SyntheticSeams.Normal(random, samples * left);
        var y = SyntheticSeams.Normal(random, samples * right);
        for (var i = 0; i < samples; i++)
            y[i * right] += 2 * x[i * left]; // some common information, so that the clamp at 0 does not decide

        var expected = new NaiveNpib(neighbours).Score(x, y, samples);
        var score = Score(left, x, right, y, neighbours);
        Assert.InRange(score.Npib, expected - Tolerance, expected + Tolerance);
        Assert.Equal(score.MutualInformation / Math.Sqrt(score.EntropyLeft * score.EntropyRight), score.Npib);

        var notStrict = new NaiveNpib(neighbours, Strict: false).Score(x, y, samples);
        Assert.True(Math.Abs(score.Npib - notStrict) > 1e6 * Tolerance);
    }

    [Fact]
    public void FromActivationsToScoreAgreesWithTheOracle()
    {
        var seams = SyntheticSeams.Stack(2, 90, 33, seed: 12);
        var options = new AlignmentOptions();
        var oracle = seams.Select(seam => NaiveDiffusionMap.Of(seam, 2, 1, null).Coordinates).ToArray();
        var expected = new NaiveNpib(5).Score(oracle[0], oracle[1], 90);
        var actual = Npib.Score(DiffusionMap.Embed(seams[0], options), DiffusionMap.Embed(seams[1], options), options).Npib;
        Assert.InRange(actual, expected - Tolerance, expected + Tolerance);
        Assert.InRange(expected, 0.1, 0.99); // neither end of the range, where any two would agree
    }

    [Fact]
    public void RandomEmbeddingsKeepTheBounds()
    {
        var random = new Random(99);
        for (var repeat = 0; repeat < 200; repeat++)
        {
            var samples = random.Next(8, 60);
            int left = random.Next(1, 4), right = random.Next(1, 4), neighbours = random.Next(1, samples - 1);
            var x = SyntheticSeams.Normal(random, samples * left);
            var y = SyntheticSeams.Normal(random, samples * right);
            if (repeat % 3 == 0)
                x = [.. x.Select(value => Math.Round(value))]; // ties
            if (IsConstant(x, left))
                continue;

            var score = Score(left, x, right, y, neighbours);
            Assert.InRange(score.Npib, 0, 1);
            Assert.Equal(score.Npib, Score(right, y, left, x, neighbours).Npib);
            Assert.Equal(1, Score(left, x, left, x, neighbours).Npib);
        }
    }

    [Fact]
    public void SignsScalesAndOffsetsOfCoordinatesDoNotMatter()
    {
        var random = new Random(5);
        var x = SyntheticSeams.Normal(random, 200);
        var y = x.Select(value => value + random.NextDouble()).ToArray();
        var plain = Score(2, x, 2, y, 5);
        Assert.Equal(plain, Score(2, [.. x.Select((value, i) => i % 2 == 0 ? -value : value)], 2, y, 5));
        Assert.Equal(plain, Score(2, [.. x.Select(value => -value)], 2, [.. y.Select(value => -value)], 5));
        Assert.Equal(plain, Score(2, [.. x.Select((value, i) => i % 2 == 0 ? 1024 * value : value / 64)], 2, y, 5));
        Assert.NotEqual(plain, Score(2, [.. x.Select((value, i) => i == 0 ? -value : value)], 2, y, 5)); // one value, not a coordinate
    }

    [Fact]
    public void TheOrderOfSamplesDoesNotMatterButTheirPairingDoes()
    {
        var random = new Random(6);
        var x = SyntheticSeams.Normal(random, 100);
        var y = x.Select(value => value + (0.3 * random.NextDouble())).ToArray();
        var plain = Score(1, x, 1, y, 5).Npib;
        var reversed = Score(1, [.. Enumerable.Reverse(x)], 1, [.. Enumerable.Reverse(y)], 5).Npib;
        Assert.InRange(reversed, plain - Tolerance, plain + Tolerance);
        Assert.True(Score(1, [.. Enumerable.Reverse(x)], 1, y, 5).Npib < plain - 0.1);
    }

    [Fact]
    public void EmbeddingsOfDifferentSamplesAreAnError() =>
        Assert.Throws<ArgumentException>(() => Score(1, new double[20], 1, new double[21], 5));

    private static bool IsConstant(double[] values, int dimension) =>
        Enumerable.Range(0, dimension).Any(k => values.Where((_, i) => i % dimension == k).Distinct().Count() == 1);

    private static NpibScore Score(int left, double[] x, int right, double[] y, int neighbours) =>
        Npib.Score(SyntheticSeams.Embedding(left, x), SyntheticSeams.Embedding(right, y), new AlignmentOptions { Neighbours = neighbours });
}
