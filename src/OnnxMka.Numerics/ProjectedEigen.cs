using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

// All eigenpairs of a small dense symmetric matrix: T [m, m] -> values [m], vectors [m][m], largest first.
//
//   T = Q S Q'      S tridiagonal, Q = H_0 H_1 .. H_{m-3}, H = I - v v' / h (Householder)
//   S = Z L Z'      implicit QL with Wilkinson's shift; every rotation turns two rows of V = (Q Z)'
//
// Both work on whole rows, so they are vectorised; the full decomposition of the library (DenseEigen) runs along columns
// and took most of the time of Lanczos. An off-diagonal entry is dropped below 2^-53 ||S||: absolute, since what is asked
// of the pairs is absolute too.


namespace OnnxMka.Numerics;

internal static class ProjectedEigen
{
    private const double Rounding = 1.2e-16; // 2^-53
    private const int MaxSweeps = 60; // for one eigenvalue; two are usual

    /// <param name="matrix">[m, m], symmetric; is overwritten.</param>
    /// <param name="m">A multiple of eight, as the panels of Lanczos are.</param>
    public static (double[] Values, double[][] Vectors) Descending(double[] matrix, int m)
    {
        var (diagonal, off) = (new double[m], new double[m]); // off[i] couples i and i + 1
        var rows = Tridiagonalise(matrix, m, diagonal, off);
        Diagonalise(diagonal, off, rows);
        Array.Sort(diagonal, rows);
        Array.Reverse(diagonal);
        Array.Reverse(rows);
        return (diagonal, rows);
    }

    /// <summary>S into the diagonals; Q' as rows [m][m].</summary>
    private static double[][] Tridiagonalise(double[] t, int m, double[] diagonal, double[] off)
    {
        var reflectors = new double[m][]; // v_k [m - k - 1]
        var halves = new double[m]; // h_k = v'v / 2; 0 where nothing is to be reflected
        var image = new double[m];
        for (var k = 0; k < m - 1; k++)
        {
            diagonal[k] = t[(k * m) + k];
            var v = t.AsSpan((k * m) + k + 1, m - k - 1).ToArray();
            reflectors[k] = v;
            var norm = TensorPrimitives.Norm<double>(v);
            if (k == m - 2 || norm == 0)
            {
                off[k] = v[0];
                continue;
            }

            off[k] = v[0] > 0 ? -norm : norm;
            halves[k] = norm * (norm + Math.Abs(v[0]));
            v[0] -= off[k];
            Reflect(t, m, k + 1, v, halves[k], image.AsSpan(0, v.Length));
        }

        diagonal[m - 1] = t[^1];
        var rows = new double[m][];
        for (var i = 0; i < m; i++)
            (rows[i] = new double[m])[i] = 1;
        for (var k = m - 3; k >= 0; k--)
        {
            if (halves[k] == 0)
                continue;
            for (var i = k + 1; i < m; i++)
            {
                var row = rows[i].AsSpan(k + 1);
                TensorPrimitives.MultiplyAdd(reflectors[k], -TensorPrimitives.Dot<double>(row, reflectors[k]) / halves[k], row, row);
            }
        }

        return rows;
    }

    /// <summary>T &lt;- H T H below and right of <paramref name="first"/>: T - v w' - w v', p = T v / h, w = p - v (v'p) / 2h.</summary>
    private static void Reflect(double[] t, int m, int first, double[] v, double half, Span<double> w)
    {
        for (var i = 0; i < v.Length; i++)
            w[i] = TensorPrimitives.Dot<double>(t.AsSpan(((first + i) * m) + first, v.Length), v) / half;
        TensorPrimitives.MultiplyAdd(v, -TensorPrimitives.Dot<double>(v, w) / (2 * half), w, w);
        for (var i = 0; i < v.Length; i++)
        {
            var row = t.AsSpan(((first + i) * m) + first, v.Length);
            TensorPrimitives.MultiplyAdd(v, -w[i], row, row);
            TensorPrimitives.MultiplyAdd(w, -v[i], row, row);
        }
    }

    private static void Diagonalise(double[] d, double[] e, double[][] rows)
    {
        var negligible = Rounding * d.Zip(e, (x, y) => Math.Abs(x) + Math.Abs(y)).Max();
        for (var l = 0; l < d.Length - 1; l++)
        {
            for (var sweep = 0; ; sweep++)
            {
                var end = l;
                while (end < d.Length - 1 && Math.Abs(e[end]) > negligible)
                    end++;
                if (end == l)
                    break;
                if (sweep == MaxSweeps)
                    throw new InvalidOperationException("the QL iteration did not converge");
                Sweep(d, e, rows, l, end);
            }
        }
    }

    /// <summary>One implicit QL step on the unreduced part l .. end.</summary>
    private static void Sweep(double[] d, double[] e, double[][] rows, int l, int end)
    {
        var slope = (d[l + 1] - d[l]) / (2 * e[l]);
        var bulge = d[end] - d[l] + (e[l] / (slope + Math.CopySign(Math.Sqrt((slope * slope) + 1), slope)));
        double sine = 1, cosine = 1, shift = 0;
        for (var i = end - 1; i >= l; i--)
        {
            var (f, b) = (sine * e[i], cosine * e[i]);
            var r = Math.Sqrt((f * f) + (bulge * bulge));
            e[i + 1] = r;
            if (r == 0)
            {
                // The chase met a zero: the part splits here.
                d[i + 1] -= shift;
                e[end] = 0;
                return;
            }

            (sine, cosine) = (f / r, bulge / r);
            var left = d[i + 1] - shift;
            r = ((d[i] - left) * sine) + (2 * cosine * b);
            shift = sine * r;
            d[i + 1] = left + shift;
            bulge = (cosine * r) - b;
            Turn(rows[i], rows[i + 1], cosine, sine);
        }

        d[l] -= shift;
        e[l] = bulge;
        e[end] = 0;
    }

    /// <summary>(x, y) &lt;- (c x - s y, s x + c y).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // at once, not after a number of slow calls: most processes score once
    private static void Turn(double[] x, double[] y, double cosine, double sine)
    {
        var left = MemoryMarshal.Cast<double, Vector512<double>>(x.AsSpan());
        var right = MemoryMarshal.Cast<double, Vector512<double>>(y.AsSpan())[..left.Length];
        Vector512<double> c = Vector512.Create(cosine), s = Vector512.Create(sine);
        for (var i = 0; i < left.Length; i++)
        {
            var (p, q) = (left[i], right[i]);
            left[i] = Vector512.FusedMultiplyAdd(c, p, -(s * q));
            right[i] = Vector512.FusedMultiplyAdd(s, p, c * q);
        }
    }
}
