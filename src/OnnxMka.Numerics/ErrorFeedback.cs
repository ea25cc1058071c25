using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>
/// Rounds the rows of a weight one after the other, each together with what the earlier ones leave (GPTQ, arXiv 2210.17323, in the form
/// without an inverse): with <c>H = C C'</c>, C upper, and <c>M = C diag(C)^-1</c>,
/// <code>
/// q_j = round(w_j + sum over i below j of (w_i - q_i) M_ij)
/// </code>
/// </summary>
internal static class ErrorFeedback
{
    private const int Panel = 64; // rows between products

    /// <summary>Rounds one row in place.</summary>
    /// <param name="row">Its number.</param>
    public delegate void Rounding(int row, Span<double> values);

    /// <summary>The rounded weight [n, m]; null where H is not positive definite in float64.</summary>
    /// <param name="weight">W [n, m], rows in the order of rounding.</param>
    /// <param name="hessian">H [n, n] in that order; written over.</param>
    public static double[]? Round(double[] weight, double[] hessian, int n, int m, Rounding round)
    {
        Array.Reverse(hessian); // rows and columns: the Cholesky factor of that, turned back, is upper
        if (Cholesky.Of(hessian, n) is not { } factor) return null;
        double[] rounded = [.. weight];
        var errors = new double[checked(n * m)];
        var (left, right) = (Panels.Left<double>(), Panels.Right<double>());
        for (var first = 0; first < n; first += Panel)
        {
            var end = Math.Min(n, first + Panel);
            for (var k = 0; k < first; k += Panels.Depth)
            {
                var terms = Math.Min(Panels.Depth, first - k);
                left.TakeColumns(Shares(factor, n, k, terms, first, end - first), end - first, 0, terms, 0, end - first);
                right.TakeColumns(errors, m, k, terms, 0, m);
                Products.Write(rounded, first * m, m, left, right, 1, keep: true);
            }

            for (var j = first; j < end; j++)
            {
                var row = rounded.AsSpan(j * m, m);
                for (var i = first; i < j; i++)
                    TensorPrimitives.MultiplyAdd<double>(errors.AsSpan(i * m, m), Share(factor, n, i, j), row, row);
                round(j, row);
                TensorPrimitives.Subtract<double>(weight.AsSpan(j * m, m), row, errors.AsSpan(j * m, m));
            }
        }

        return rounded;
    }

    private static double Share(Cholesky factor, int n, int i, int j) => factor[n - 1 - i, n - 1 - j] / factor[n - 1 - j, n - 1 - j];

    /// <summary>M [rows, columns] from (i, j) on.</summary>
    private static double[] Shares(Cholesky factor, int n, int i, int rows, int j, int columns)
    {
        var shares = new double[rows * columns];
        for (var k = 0; k < shares.Length; k++) shares[k] = Share(factor, n, i + (k / columns), j + (k % columns));
        return shares;
    }
}
