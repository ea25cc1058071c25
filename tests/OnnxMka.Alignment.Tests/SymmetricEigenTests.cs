using OnnxMka.Numerics;

namespace OnnxMka.Alignment.Tests;

public sealed class SymmetricEigenTests
{
    private const double LanczosTarget = SymmetricEigen.LanczosTolerance;

    // Weyl: an eigenvalue is off by at most the rounding of the reflected matrix and of the projections, tens of 2^-53.
    private const double EigenvalueTolerance = 1e-14 * 20;

    [Theory]
    [InlineData(150, true)]
    [InlineData(300, true)]
    [InlineData(150, false)]
    [InlineData(300, false)]
    public void LanczosAgreesWithTheFullDecomposition(int n, bool structured)
    {
        const int Count = 6;
        var diffusion = Operator(n, structured);
        var full = SymmetricEigen.Full(diffusion, Count + 1);
        var lanczos = SymmetricEigen.Lanczos(diffusion, Count, 0);
        for (var k = 0; k < Count; k++)
        {
            Assert.InRange(lanczos.Values[k], full.Values[k] - EigenvalueTolerance, full.Values[k] + EigenvalueTolerance);

            // Davis and Kahan: the angle is at most residual / gap, for both; the dot product is its cosine.
            var gap = Math.Min(k == 0 ? 1 : full.Values[k - 1] - full.Values[k], full.Values[k] - full.Values[k + 1]);
            var angle = 4 * LanczosTarget / gap;
            var cosine = Math.Abs(full.Vectors[k].Zip(lanczos.Vectors[k], (a, b) => a * b).Sum());
            Assert.InRange(cosine, 1 - (angle * angle) - EigenvalueTolerance, 1 + EigenvalueTolerance);
        }
    }

    [Theory]
    [InlineData(130)]
    [InlineData(200)]
    public void RepeatedEigenvaluesAreAllFound(int n)
    {
        // Rank six: after the first panel nothing is left, so the basis has to be refilled at random.
        double[] spectrum = [1, 0.9, 0.5, 0.5, 0.5, 0.2];
        var values = SymmetricEigen.Lanczos(WithSpectrum(n, k => k < spectrum.Length ? spectrum[k] : 0), 6, 0).Values;
        double[] expected = [.. spectrum[1..], 0];
        for (var k = 0; k < expected.Length; k++)
            Assert.InRange(values[k], expected[k] - EigenvalueTolerance, expected[k] + EigenvalueTolerance);
    }

    [Fact]
    public void ASlowSpectrumIsFoundThroughRestarts()
    {
        // Equally spaced eigenvalues: the leading gap is 1/600 of the spread, far more than one basis of 152 can resolve.
        const int N = 600;
        var pairs = SymmetricEigen.Lanczos(WithSpectrum(N, k => 1 - (k / (double)N)), 5, 0);
        for (var k = 0; k < 5; k++)
        {
            Assert.InRange(
                pairs.Values[k], 1 - ((k + 1) / (double)N) - EigenvalueTolerance, 1 - ((k + 1) / (double)N) + EigenvalueTolerance);
        }
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.01)]
    [InlineData(0.001)]
    public void ColumnsThatShrinkToRoundingStayOrthogonal(double decay)
    {
        // Products soon hold nothing but rounding, which is not orthogonal to the basis until it is projected again.
        const int N = 140;
        var diffusion = WithSpectrum(N, k => Math.Pow(decay, k));
        var (_, residual) = SymmetricEigen.WithStationary(diffusion, SymmetricEigen.Lanczos(diffusion, 12, 0), 0);
        Assert.InRange(residual, 0, LanczosTarget + (2 * N * 1.2e-16));
    }

    [Fact]
    public void TheMostPairsThatOptionsAllowFitTheSmallestMatrix()
    {
        const int N = BlockLanczos.SmallestSize;
        const int Count = AlignmentOptions.MaxEmbeddingDimension + 1;
        var values = SymmetricEigen.Lanczos(WithSpectrum(N, k => Math.Pow(0.8, k)), Count, 0).Values;
        for (var k = 0; k < Count; k++)
            Assert.InRange(values[k], Math.Pow(0.8, k + 1) - EigenvalueTolerance, Math.Pow(0.8, k + 1) + EigenvalueTolerance);
    }

    [Theory]
    [InlineData(40)]
    [InlineData(200)]
    public void TheResidualIsThatOfTheOperatorItself(int n)
    {
        var (pairs, residual) = SymmetricEigen.Leading(Operator(n, structured: true), 12, 0);
        Assert.Equal(12, pairs.Values.Length);

        // Two roundings of N-term products of a matrix of norm 1, and the target of Lanczos.
        Assert.InRange(residual, 0, LanczosTarget + (2 * n * 1.2e-16));
        Assert.InRange(pairs.Values[0], 1 - EigenvalueTolerance, 1 + EigenvalueTolerance);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(7)]
    public void TheBitsAreTheSameOnAnyNumberOfThreads(int threads)
    {
        var diffusion = Operator(300, structured: true);
        var (one, residual) = SymmetricEigen.Leading(diffusion, 6, 1);
        var (many, sameResidual) = SymmetricEigen.Leading(diffusion, 6, threads);
        Assert.Equal(one.Values, many.Values);
        Assert.Equal(one.Vectors, many.Vectors);
        Assert.Equal(residual, sameResidual);
    }

    /// <summary>P diag(spectrum) P with the reflection P = I - 2 w w': eigenvector k is column k of P, and u0 its first.</summary>
    private static DiffusionOperator WithSpectrum(int n, Func<int, double> spectrum)
    {
        var w = SyntheticSeams.Normal(new Random(n), n);
        var norm = Math.Sqrt(w.Sum(value => value * value));
        w = [.. w.Select(value => value / norm)];
        double[] values = [.. Enumerable.Range(0, n).Select(spectrum)];
        var quadratic = Enumerable.Range(0, n).Sum(k => values[k] * w[k] * w[k]); // w'Sw
        var a = new double[n * n];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
                a[(i * n) + j] = (i == j ? values[i] : 0) + (w[i] * w[j] * ((4 * quadratic) - (2 * (values[i] + values[j]))));
        }

        return new DiffusionOperator(a, n, [.. Enumerable.Range(0, n).Select(i => (i == 0 ? 1 : 0) - (2 * w[0] * w[i]))]);
    }

    private static DiffusionOperator Operator(int n, bool structured)
    {
        var x = structured ? SyntheticSeams.Seam(n, 30, seed: 5) : SyntheticSeams.Noise(n, 500, seed: 5);
        var squared = new double[n * n];
        ((IScoringKernels)new CpuScoringKernels()).SquaredDistances(x, squared, 0);
        return DiffusionKernel.Normalise(squared, n, MedianDistance.Of(squared, n), 0);
    }
}
