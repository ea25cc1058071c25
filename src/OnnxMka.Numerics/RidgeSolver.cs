using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>
/// <c>D = (G + a I)^-1 B</c> by Cholesky in panels. Each row, then each column of B, is one thread's: the same bits on any number of threads.
/// </summary>
internal static class RidgeSolver
{
    private const int Panel = 64;

    /// <summary>Solution [n, m]; null where the matrix is not positive definite in float64.</summary>
    /// <param name="gram">[n, n], symmetric.</param>
    /// <param name="right">[n, m]</param>
    /// <param name="ridge">a, in units of the mean diagonal of G.</param>
    public static double[]? Solve(double[] gram, double[] right, int n, double ridge)
    {
        var factor = (double[])gram.Clone();
        double trace = 0;
        for (var i = 0; i < n; i++) trace += gram[(i * n) + i];
        for (var i = 0; i < n; i++) factor[(i * n) + i] += ridge * trace / n;
        return Factorise(factor, n) ? Substitute(factor, right, n) : null;
    }

    /// <summary>[n, k] times [k, m].</summary>
    public static double[] Multiply(double[] left, double[] right, int n, int k, int m)
    {
        var product = new double[checked(n * m)];
        Parallel.For(0, n, i =>
        {
            var row = product.AsSpan(i * m, m);
            for (var j = 0; j < k; j++) TensorPrimitives.MultiplyAdd<double>(right.AsSpan(j * m, m), left[(i * k) + j], row, row);
        });
        return product;
    }

    /// <summary>[n, m] as [m, n].</summary>
    public static double[] Transpose(double[] matrix, int n, int m)
    {
        var transposed = new double[matrix.Length];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < m; j++) transposed[(j * n) + i] = matrix[(i * m) + j];
        }

        return transposed;
    }

    private static bool Factorise(double[] a, int n)
    {
        for (var p = 0; p < n; p += Panel)
        {
            var (first, end) = (p, Math.Min(p + Panel, n));
            Parallel.For(first, n, i =>
            {
                for (var j = first; j < Math.Min(end, i + 1); j++) a[(i * n) + j] -= TensorPrimitives.Dot<double>(a.AsSpan(i * n, first), a.AsSpan(j * n, first));
            });
            for (var i = first; i < end; i++)
            {
                SolveRow(a, n, i, first, i);
                var pivot = a[(i * n) + i] - TensorPrimitives.SumOfSquares<double>(a.AsSpan((i * n) + first, i - first));
                if (!(pivot > 0) || !double.IsFinite(pivot)) return false;
                a[(i * n) + i] = Math.Sqrt(pivot);
            }

            Parallel.For(end, n, i => SolveRow(a, n, i, first, end));
        }

        return true;
    }

    private static void SolveRow(double[] a, int n, int i, int first, int end)
    {
        for (var j = first; j < end; j++)
            a[(i * n) + j] = (a[(i * n) + j] - TensorPrimitives.Dot<double>(a.AsSpan((i * n) + first, j - first), a.AsSpan((j * n) + first, j - first))) / a[(j * n) + j];
    }

    private static double[] Substitute(double[] factor, double[] right, int n)
    {
        var m = right.Length / n;
        var columns = Transpose(right, n, m);
        Parallel.For(0, m, k =>
        {
            var z = columns.AsSpan(k * n, n);
            for (var i = 0; i < n; i++) z[i] = (z[i] - TensorPrimitives.Dot<double>(factor.AsSpan(i * n, i), z[..i])) / factor[(i * n) + i];
            for (var i = n - 1; i >= 0; i--)
            {
                z[i] /= factor[(i * n) + i];
                TensorPrimitives.MultiplyAdd<double>(factor.AsSpan(i * n, i), -z[i], z[..i], z[..i]);
            }
        });
        return Transpose(columns, m, n);
    }
}
