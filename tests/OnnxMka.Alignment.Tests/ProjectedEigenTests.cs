using OnnxMka.Alignment.Tests.Oracle;
using OnnxMka.Numerics;

namespace OnnxMka.Alignment.Tests;

public sealed class ProjectedEigenTests
{
    // Backward stable: the pairs are those of T + E, ||E|| a small multiple of m 2^-53 ||T||, here with ||T|| about 1.
    private static double Tolerance(int m) => 8 * m * 1.2e-16;

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(96)]
    public void PairsAreThoseOfJacobi(int m) => AssertPairs(Symmetric(m, m), m);

    [Theory]
    [InlineData("zero")]
    [InlineData("diagonal")]
    [InlineData("one")]
    [InlineData("graded")]
    [InlineData("repeated")]
    [InlineData("low rank")]
    public void MatricesWithNothingToReflectOrToSeparateAreDecomposed(string kind)
    {
        const int M = 24;
        AssertPairs(
            kind switch
            {
                "zero" => new double[M * M],
                "diagonal" => From(M, (i, j) => i == j ? 1.0 / (i + 1) : 0),
                "one" => From(M, (_, _) => 1.0 / M),
                "graded" => From(M, (i, j) => Math.Pow(10, -i - j) * Math.Cos(i * j)),
                "repeated" => From(M, (i, j) => (i == j ? 0.5 : 0) + (i % 3 == j % 3 ? 1.0 / M : 0)),
                _ => From(M, (i, j) => ((i % 7 - 3) * (j % 7 - 3) / 100.0) + ((i % 2) * (j % 2) / 20.0)),
            },
            M);
    }

    [Fact]
    public void AnotherMatrixIsNoticed()
    {
        const int M = 16;
        var (t, other) = (Symmetric(M, 1), Symmetric(M, 1));
        other[0] += 1e-12;
        var (values, vectors) = ProjectedEigen.Descending(t.ToArray(), M);
        Assert.InRange(Residual(t, values, vectors), 0, Tolerance(M));
        Assert.True(Residual(other, values, vectors) > Tolerance(M));
    }

    private static void AssertPairs(double[] t, int m)
    {
        var (values, vectors) = ProjectedEigen.Descending(t.ToArray(), m);
        var square = new double[m, m];
        Buffer.BlockCopy(t, 0, square, 0, m * m * sizeof(double));
        var expected = JacobiEigen.Of(square).Values;
        for (var k = 0; k < m; k++)
        {
            Assert.InRange(values[k], expected[k] - Tolerance(m), expected[k] + Tolerance(m));
            for (var l = 0; l <= k; l++)
                Assert.Equal(k == l ? 1 : 0, vectors[k].Zip(vectors[l], (a, b) => a * b).Sum(), Tolerance(m));
        }

        Assert.InRange(Residual(t, values, vectors), 0, Tolerance(m));
    }

    /// <summary>Largest ||T v - lambda v||.</summary>
    private static double Residual(double[] t, double[] values, double[][] vectors)
    {
        var m = values.Length;
        return Enumerable.Range(0, m).Max(k => Math.Sqrt(Enumerable.Range(0, m).Sum(i =>
        {
            var difference = Enumerable.Range(0, m).Sum(j => t[(i * m) + j] * vectors[k][j]) - (values[k] * vectors[k][i]);
            return difference * difference;
        })));
    }

    private static double[] Symmetric(int m, int seed)
    {
        var noise = SyntheticSeams.Normal(new Random(seed), m * m);
        return From(m, (i, j) => (noise[(i * m) + j] + noise[(j * m) + i]) / (4 * Math.Sqrt(m)));
    }

    private static double[] From(int m, Func<int, int, double> entry) => [.. Enumerable.Range(0, m * m).Select(p => entry(p / m, p % m))];
}
