namespace OnnxMka.Alignment.Tests;

/// <summary>What every implementation of <see cref="IScoringKernels.Diffusion"/> must give.</summary>
public abstract class DiffusionOperatorContract(IScoringKernels kernels)
{
    private const double Rounding = 1.2e-16; // 2^-53
    private const int Features = 12;
    private const double Sigma = 4;

    [Theory]
    [InlineData(9)]
    [InlineData(70)]
    public void TheOperatorIsThatOfPlainLoops(int n)
    {
        var x = SyntheticSeams.Noise(n, Features, seed: n);
        using var diffusion = kernels.Diffusion(x, _ => Sigma, 0);
        Assert.Equal(n, diffusion.Samples);
        var plain = Plain(x, Sigma);
        var error = WorstError(plain, diffusion.ToDense());
        Assert.InRange(error, 0, Tolerance(x));

        // Control: the same comparison notices another width in its tenth digit.
        Assert.True(WorstError(Plain(x, Sigma * (1 + 1e-10)), diffusion.ToDense()) > Tolerance(x));
    }

    [Theory]
    [InlineData(9)]
    [InlineData(149)]
    public void TheOperatorIsSymmetricToTheLastBit(int n)
    {
        using var diffusion = kernels.Diffusion(SyntheticSeams.Noise(n, Features, seed: n), _ => Sigma, 0);
        var a = diffusion.ToDense();
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < i; j++)
                Assert.Equal(a[(i * n) + j], a[(j * n) + i]);
        }
    }

    [Fact]
    public void TheStationaryVectorIsItsUnitEigenvectorOfOne()
    {
        // u0 and A are built from row sums of N positive terms, each within N 2^-53; products add a few units more.
        const int N = 149;
        const double Tolerance = N * 8 * Rounding;
        using var diffusion = kernels.Diffusion(SyntheticSeams.Noise(N, Features, seed: N), _ => Sigma, 0);
        var (a, u) = (diffusion.ToDense(), diffusion.Stationary);
        Assert.InRange(u.Sum(value => value * value), 1 - Tolerance, 1 + Tolerance);
        Assert.All(u, value => Assert.True(value > 0));
        for (var i = 0; i < N; i++)
            Assert.InRange(Enumerable.Range(0, N).Sum(j => a[(i * N) + j] * u[j]), u[i] - Tolerance, u[i] + Tolerance);
    }

    [Fact]
    public void AVeryNarrowKernelLeavesTheIdentity()
    {
        const int N = 10;
        using var diffusion = kernels.Diffusion(SyntheticSeams.Noise(N, Features, seed: N), _ => 1e-150, 0); // exp(-infinity) = 0
        var a = diffusion.ToDense();
        for (var i = 0; i < N; i++)
        {
            for (var j = 0; j < N; j++)
                Assert.Equal(i == j ? 1.0 : 0.0, a[(i * N) + j], 4 * Rounding); // s_i s_j of two square roots
        }
    }

    [Theory]
    [InlineData(13)]
    [InlineData(300)]
    public void ProductsAreThoseOfPlainLoops(int n)
    {
        using var diffusion = kernels.Diffusion(SyntheticSeams.Noise(n, Features, seed: n), _ => Sigma, 0);
        var a = diffusion.ToDense();
        var panel = SyntheticSeams.Normal(new Random(n), n * 8);
        var product = new double[n * 8];
        diffusion.Multiply(panel, product, 0);
        var again = new double[n * 8];
        diffusion.Multiply(panel, again, 1);
        Assert.Equal(product, again);

        // Sums of N terms in two orders, each term of up to four rounded factors.
        var tolerance = 2 * (n + 4) * Rounding;
        Assert.InRange(WorstProduct(a, panel, product), 0, tolerance);
        panel[8 * (n / 2)] += 1e-6;
        Assert.True(WorstProduct(a, panel, product) > tolerance);
    }

    [Fact]
    public void TheWidthIsChosenFromTheSquaredDistances()
    {
        const int N = 21;
        var x = SyntheticSeams.Noise(N, Features, seed: 1);
        var expected = new double[N * N];
        kernels.SquaredDistances(x, expected, 0);
        double[]? shown = null;
        using var diffusion = kernels.Diffusion(
            x,
            squared =>
            {
                shown = [.. squared];
                return Sigma;
            },
            0);
        Assert.Equal(expected, shown);
    }

    [Fact]
    public void WhatTheChoiceOfWidthRefusesIsPassedOn()
    {
        var x = SyntheticSeams.Noise(8, 3, seed: 1);
        Assert.Throws<DegenerateDataException>(() => kernels.Diffusion(x, _ => throw new DegenerateDataException("no width"), 0));
        using var afterwards = kernels.Diffusion(x, _ => Sigma, 0);
        Assert.Equal(8, afterwards.Samples);
    }

    /// <summary>
    /// Relative error of an entry of A. D2 is within (H + 2) 2^-53 of the truth and meets the exponential as an exponent of at most E,
    /// which is rounded twice more; p and v^2 are sums of N positive terms under square roots; a handful of operations beside. Twice, for
    /// both sides.
    /// </summary>
    private static double Tolerance(SampleMatrix x)
    {
        double largest = 0;
        for (var i = 0; i < x.Samples; i++)
        {
            for (var j = 0; j < i; j++)
                largest = Math.Max(largest, Squared(x, i, j) / (Sigma * Sigma));
        }

        return 2 * ((3 * largest * (Features + 4)) + (2 * x.Samples) + 16) * Rounding;
    }

    /// <summary>A by its definition, in plain loops.</summary>
    private static double[] Plain(SampleMatrix x, double sigma)
    {
        var n = x.Samples;
        var kernel = new double[n, n];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
                kernel[i, j] = Math.Exp(-Squared(x, i, j) / (sigma * sigma));
        }

        double[] density = [.. Enumerable.Range(0, n).Select(i => Enumerable.Range(0, n).Sum(j => kernel[i, j]))];
        double[] volume =
        [
            .. Enumerable.Range(0, n).Select(i => Enumerable.Range(0, n).Sum(j => kernel[i, j] / Math.Sqrt(density[i] * density[j]))),
        ];
        var a = new double[n * n];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
                a[(i * n) + j] = kernel[i, j] / Math.Sqrt(density[i] * density[j]) / Math.Sqrt(volume[i] * volume[j]);
        }

        return a;
    }

    private static double Squared(SampleMatrix x, int i, int j)
    {
        double sum = 0;
        for (var h = 0; h < x.Features; h++)
            sum += ((double)x.Row(i)[h] - x.Row(j)[h]) * ((double)x.Row(i)[h] - x.Row(j)[h]);
        return sum;
    }

    private static double WorstError(double[] expected, double[] actual) =>
        expected.Zip(actual, (e, a) => Math.Abs(a - e) / e).Max();

    /// <summary>Largest |y - A q| over the sum of |A| |q|, the scale of its rounding.</summary>
    private static double WorstProduct(double[] a, double[] panel, double[] product)
    {
        var n = panel.Length / 8;
        double worst = 0;
        for (var i = 0; i < n; i++)
        {
            for (var c = 0; c < 8; c++)
            {
                double sum = 0, scale = 0;
                for (var j = 0; j < n; j++)
                {
                    sum += a[(i * n) + j] * panel[(j * 8) + c];
                    scale += Math.Abs(a[(i * n) + j] * panel[(j * 8) + c]);
                }

                worst = Math.Max(worst, Math.Abs(product[(i * 8) + c] - sum) / scale);
            }
        }

        return worst;
    }
}
