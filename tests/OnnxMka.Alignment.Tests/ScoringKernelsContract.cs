using OnnxMka.Alignment.Tests.Oracle;

namespace OnnxMka.Alignment.Tests;

/// <summary>What every implementation of <see cref="IScoringKernels"/> must do.</summary>
public abstract class ScoringKernelsContract(IScoringKernels kernels)
{
    // Shapes around the vector (8), the tile (4) and the block (32) of the CPU implementation.
    [Theory]
    [InlineData(2, 1)]
    [InlineData(5, 7)]
    [InlineData(31, 8)]
    [InlineData(33, 100)]
    [InlineData(70, 257)]
    [InlineData(45, 1100)]
    public void SquaredDistancesAreThoseOfPlainLoops(int samples, int features)
    {
        var x = SyntheticSeams.Noise(samples, features, seed: samples);
        var squared = Squared(x, 0);
        for (var i = 0; i < samples; i++)
        {
            Assert.Equal(0, squared[(i * samples) + i]);
            for (var j = 0; j < samples; j++)
            {
                double expected = 0;
                for (var h = 0; h < features; h++)
                    expected += ((double)x.Row(i)[h] - x.Row(j)[h]) * ((double)x.Row(i)[h] - x.Row(j)[h]);

                // Sums of H non-negative terms in two orders: each within (H + 2) 2^-53 of the truth.
                var tolerance = 2 * (features + 2) * 1.2e-16 * expected;
                Assert.InRange(squared[(i * samples) + j], expected - tolerance, expected + tolerance);
                Assert.Equal(squared[(i * samples) + j], squared[(j * samples) + i]);
            }
        }
    }

    [Fact]
    public void ACommonOffsetTakesNoDigitAway()
    {
        // Integers below 2^24 are exact in float32, and so is every square and sum here: the answer is known to the last
        // bit. A Gram matrix in float64 would be off by 1e14 * 2^-53 * features.
        var random = new Random(11);
        var near = Enumerable.Range(0, 40 * 50).Select(_ => (float)random.Next(-9, 10)).ToArray();
        var far = near.Select(value => value + 9_999_000f).ToArray();
        Assert.Equal(Squared(new SampleMatrix(40, 50, near), 0), Squared(new SampleMatrix(40, 50, far), 0));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(7)]
    public void DistancesHaveTheSameBitsOnAnyNumberOfThreads(int threads)
    {
        var x = SyntheticSeams.Noise(150, 77, seed: 3);
        Assert.Equal(Squared(x, 1), Squared(x, threads));
    }

    [Theory]
    [InlineData(7, 1, 1, 1)]
    [InlineData(8, 2, 2, 5)]
    [InlineData(65, 2, 3, 5)]
    [InlineData(100, 4, 1, 12)]
    public void NeighbourCountsAreThoseOfSortedDistances(int samples, int left, int right, int neighbours)
    {
        var random = new Random(samples);
        var a = ScaledCoordinates.Of(SyntheticSeams.Embedding(left, SyntheticSeams.Normal(random, samples * left)));
        var b = ScaledCoordinates.Of(SyntheticSeams.Embedding(right, SyntheticSeams.Normal(random, samples * right)));
        var expected = new NaiveNpib(neighbours).Counts(Points(a), Points(b));
        var actual = Count(a, b, neighbours);
        Assert.Equal(expected.Left, actual.Left);
        Assert.Equal(expected.Right, actual.Right);

        var notStrict = new NaiveNpib(neighbours, Strict: false).Counts(Points(a), Points(b));
        Assert.NotEqual(notStrict.Left.Zip(notStrict.Right), actual.Left.Zip(actual.Right));
    }

    [Fact]
    public void TiesAreNotCounted()
    {
        // Two values only: every distance is 0 or 2 (scaled), ten samples share each value.
        double[] values = [.. Enumerable.Range(0, 20).Select(i => i % 2 == 0 ? 1.0 : -1.0)];
        var a = ScaledCoordinates.Of(SyntheticSeams.Embedding(1, values));
        var (left, right) = Count(a, a, 5); // epsilon 0
        Assert.All(left.Concat(right), count => Assert.Equal(0, count));
        (left, right) = Count(a, a, 12); // epsilon 2: the nine others of the same value are closer
        Assert.All(left.Concat(right), count => Assert.Equal(9, count));
    }

    [Fact]
    public void AResultOfTheWrongSizeIsAnError() =>
        Assert.Throws<ArgumentException>(() => kernels.SquaredDistances(SyntheticSeams.Noise(4, 2, 1), new double[15], 1));

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void NeighboursOutsideTheSamplesAreAnError(int neighbours)
    {
        var a = ScaledCoordinates.Of(SyntheticSeams.Embedding(1, [1, 2, 3, 5]));
        Assert.Throws<ArgumentOutOfRangeException>(() => kernels.NeighbourCounts(a, a, neighbours, new int[4], new int[4]));
    }

    [Fact]
    public void CountsOfTheWrongSizeAreAnError()
    {
        var a = ScaledCoordinates.Of(SyntheticSeams.Embedding(1, [1, 2, 3, 5]));
        Assert.Throws<ArgumentException>(() => kernels.NeighbourCounts(a, a, 2, new int[4], new int[3]));
    }

    private static double[][] Points(ScaledCoordinates coordinates) =>
        [
            .. Enumerable.Range(0, coordinates.Samples).Select(
                i => Enumerable.Range(0, coordinates.Dimension).Select(k => coordinates.Column(k)[i]).ToArray()),
        ];

    private double[] Squared(SampleMatrix x, int threads)
    {
        var squared = new double[x.Samples * x.Samples];
        kernels.SquaredDistances(x, squared, threads);
        return squared;
    }

    private (int[] Left, int[] Right) Count(ScaledCoordinates a, ScaledCoordinates b, int neighbours)
    {
        int[] left = new int[a.Samples], right = new int[a.Samples];
        kernels.NeighbourCounts(a, b, neighbours, left, right);
        return (left, right);
    }
}
