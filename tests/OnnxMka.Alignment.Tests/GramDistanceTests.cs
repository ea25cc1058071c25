namespace OnnxMka.Alignment.Tests;

/// <summary>The Gram form where it cancels, against plain loops over differences.</summary>
public sealed class GramDistanceTests
{
    private const double Rounding = 1.2e-16; // 2^-53
    private const int Samples = 70; // three blocks of rows, the last of them ragged
    private const int Features = 600; // three slices, the last of them ragged

    // 2 Cancelled (Slice + H / Slice + 4) 2^-53: see GramDistance. Both sides of the comparison are rounded; plain loops add (H + 2).
    private const double Tolerance = ((2 * 32 * (256 + 3 + 4)) + Features + 2) * Rounding;

    [Fact]
    public void UnlikeRowsKeepTheBound() => AssertDistances(SyntheticSeams.Noise(Samples, Features, 1));

    [Theory]
    [InlineData(1e-2)]
    [InlineData(1e-4)]
    [InlineData(1e-7)]
    public void NearDuplicatesAmongUnlikeRowsKeepTheBound(double step)
    {
        // Every row has a neighbour a small step away; the pair's D2 is step^2 of the norms, of which Gram leaves 2^-53 / step^2.
        var values = Values(SyntheticSeams.Noise(Samples, Features, 2));
        var noise = SyntheticSeams.Normal(new Random(3), values.Length);
        for (var i = 1; i < Samples; i += 2)
        {
            for (var h = 0; h < Features; h++)
                values[(i * Features) + h] = (float)(values[((i - 1) * Features) + h] + (step * noise[(i * Features) + h]));
        }

        var x = new SampleMatrix(Samples, Features, values);
        AssertDistances(x);
        if (step <= 1e-4)
            Assert.True(Worst(x, PlainGram(x)) > Tolerance); // without the second look these digits are gone
    }

    [Theory]
    [InlineData(1e4)]
    [InlineData(1e7)]
    public void AFewHugeConstantFeaturesKeepTheBound(double offset)
    {
        // As residual streams have them. The offset leaves few bits of those features, but what is left must count in full.
        var values = Values(SyntheticSeams.Noise(Samples, Features, 4));
        for (var i = 0; i < Samples; i++)
        {
            foreach (var h in new[] { 0, 255, 256, Features - 1 })
                values[(i * Features) + h] += (float)offset;
        }

        var x = new SampleMatrix(Samples, Features, values);
        AssertDistances(x);
        if (offset >= 1e7)
            Assert.True(Worst(x, PlainGram(x)) > Tolerance); // no row taken off
    }

    [Theory]
    [InlineData(0)]
    [InlineData(33)]
    public void AnOutlierKeepsTheBoundWhereverItIs(int outlier)
    {
        var values = Values(SyntheticSeams.Noise(Samples, Features, 5));
        for (var h = 0; h < Features; h++)
            values[(outlier * Features) + h] *= 1e6f;
        AssertDistances(new SampleMatrix(Samples, Features, values));
    }

    [Fact]
    public void ClustersFarApartKeepTheBound()
    {
        var values = Values(SyntheticSeams.Noise(Samples, Features, 6));
        for (var i = 0; i < Samples; i++)
        {
            for (var h = 0; h < Features; h++)
                values[(i * Features) + h] += 1000f * (i % 3) * ((h % 5) - 2);
        }

        AssertDistances(new SampleMatrix(Samples, Features, values));
    }

    [Theory]
    [InlineData(1e37f)]
    [InlineData(1e-42f)]
    public void TheEndsOfFloat32KeepTheBound(float scale)
    {
        float[] values = [.. Values(SyntheticSeams.Noise(Samples, Features, 7)).Select(v => v * scale)];
        AssertDistances(new SampleMatrix(Samples, Features, values));
    }

    [Fact]
    public void EqualRowsAreAtDistanceZero()
    {
        var values = Values(SyntheticSeams.Noise(Samples, Features, 8));
        for (var i = 0; i < Samples; i += 3)
            values.AsSpan(0, Features).CopyTo(values.AsSpan(i * Features));
        var squared = Squared(new SampleMatrix(Samples, Features, values), 0);
        for (var i = 0; i < Samples; i++)
        {
            for (var j = 0; j < Samples; j++)
                Assert.Equal(i == j || (i % 3 == 0 && j % 3 == 0), squared[(i * Samples) + j] == 0);
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void ThreadsChangeNoBit(int threads)
    {
        var x = SyntheticSeams.Seam(Samples, Features, 9);
        Assert.Equal(Squared(x, 1), Squared(x, threads));
    }

    private static void AssertDistances(SampleMatrix x)
    {
        var squared = Squared(x, 0);
        Assert.InRange(Worst(x, squared), 0, Tolerance);
        for (var i = 0; i < Samples; i++)
        {
            Assert.Equal(0, squared[(i * Samples) + i]);
            for (var j = 0; j < i; j++)
                Assert.Equal(squared[(i * Samples) + j], squared[(j * Samples) + i]);
        }
    }

    /// <summary>Largest relative error over all pairs of rows that differ.</summary>
    private static double Worst(SampleMatrix x, double[] squared)
    {
        double worst = 0;
        for (var i = 0; i < Samples; i++)
        {
            for (var j = 0; j < i; j++)
            {
                double expected = 0;
                for (var h = 0; h < Features; h++)
                    expected += ((double)x.Row(i)[h] - x.Row(j)[h]) * ((double)x.Row(i)[h] - x.Row(j)[h]);
                worst = Math.Max(worst, Math.Abs(squared[(i * Samples) + j] - expected) / expected);
            }
        }

        return worst;
    }

    /// <summary>||a||^2 + ||b||^2 - 2ab as it stands.</summary>
    private static double[] PlainGram(SampleMatrix x)
    {
        double Product(int i, int j) => Enumerable.Range(0, Features).Sum(h => (double)x.Row(i)[h] * x.Row(j)[h]);
        double[] norms = [.. Enumerable.Range(0, Samples).Select(i => Product(i, i))];
        return
        [
            .. Enumerable.Range(0, Samples * Samples).Select(
                p => norms[p / Samples] + norms[p % Samples] - (2 * Product(p / Samples, p % Samples))),
        ];
    }

    private static double[] Squared(SampleMatrix x, int threads)
    {
        Assert.True(x.Samples >= GramDistance.LeastSamples && x.Features >= GramDistance.LeastFeatures);
        var squared = new double[x.Samples * x.Samples];
        Array.Fill(squared, double.NaN);
        GramDistance.Squared(x, squared, threads);
        return squared;
    }

    private static float[] Values(SampleMatrix x) => x.Values.ToArray();
}
