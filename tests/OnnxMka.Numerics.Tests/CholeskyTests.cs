using MathNet.Numerics.LinearAlgebra;

namespace OnnxMka.Numerics.Tests;

/// <summary>The blocked factor against its definition, and against MathNet.</summary>
public sealed class CholeskyTests
{
    /// <summary>
    /// The factor of a matrix near this one: every entry of L L' is a sum of at most n products, each rounded once, of numbers whose
    /// squares add up to the diagonal (Higham, Accuracy and Stability, theorem 10.3); entries here are below 1. A block's inverse, of
    /// condition below 40, brings that factor. Ten of margin.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(601)]
    public void A_factor_gives_the_matrix_and_solves_its_equations(int n)
    {
        var matrix = Values.Definite(n);
        double[] memory = [.. matrix];
        var factor = Cholesky.Of(memory, n)!;
        var lower = Enumerable.Range(0, n * n).Select(k => factor[k / n, k % n]).ToArray();
        var tolerance = 10 * 40 * n * Values.Rounding;
        Assert.InRange(Values.Distance(Values.Product(lower, Dense.Transpose(lower, n, n), n, n, n), matrix), 0, tolerance);
        for (var i = 0; i < n; i++) Assert.Equal(matrix.AsSpan((i * n) + i + 1, n - i - 1), memory.AsSpan((i * n) + i + 1, n - i - 1));

        const int Rights = 9;
        var b = Values.Of(Rights * n, 7);
        double[] x = [.. b];
        factor.Solve(x);
        Assert.InRange(Values.Distance(Values.Product(x, matrix, Rights, n, n), b), 0, tolerance * x.Max(Math.Abs) * n);
        if (n > 1)
        {
            matrix[(n * n) - 1] += 1e-3;
            Assert.True(Values.Distance(Values.Product(x, matrix, Rights, n, n), b) > 1e-6, "the control: another matrix");
        }
    }

    [Theory]
    [InlineData(40)]
    [InlineData(300)]
    public void The_diagonal_of_the_inverse_is_MathNets(int n)
    {
        var matrix = Values.Definite(n);
        var expected = Matrix<double>.Build.DenseOfRowMajor(n, n, matrix).Inverse().Diagonal();
        var found = Cholesky.Of([.. matrix], n)!.InverseDiagonal();
        // Entries are at most 1 / 0.1; condition below 40, n roundings.
        Assert.InRange(Values.Distance(expected, found), 0, 10 * 40 * n * Values.Rounding);
    }

    [Theory]
    [InlineData(0, -1.0)]
    [InlineData(299, 0.0)]
    [InlineData(130, double.NaN)]
    [InlineData(280, double.PositiveInfinity)]
    public void A_matrix_that_is_not_positive_definite_has_no_factor(int at, double pivot)
    {
        const int N = 300;
        var matrix = Values.Definite(N);
        Assert.NotNull(Cholesky.Of([.. matrix], N));
        matrix[(at * N) + at] = pivot;
        Assert.Null(Cholesky.Of(matrix, N));
    }

    [Fact]
    public void A_ridge_leaves_nothing_behind_for_the_next()
    {
        const int N = 271;
        var (gram, right) = (Values.Definite(N), Values.Of(13 * N, 5));
        var solver = new RidgeSolver([.. gram], N);
        double[] first = [.. solver.Solve(right, 0.01)!];
        double[] second = [.. solver.Solve(right, 0.02)!];
        Assert.NotEqual(first, second);
        Assert.Equal(second, new RidgeSolver([.. gram], N).Solve(right, 0.02)!);
        Assert.Equal(first, solver.Solve(right, 0.01)!);
    }

    [Fact]
    public void A_small_matrix_that_is_not_positive_definite_needs_a_ridge()
    {
        double[] gram = [1, 2, 2, 1];
        var solver = new RidgeSolver(gram, 2);
        Assert.Null(solver.Solve([1, 1], 1e-3));
        Assert.NotNull(solver.Solve([1, 1], 10));
    }
}
