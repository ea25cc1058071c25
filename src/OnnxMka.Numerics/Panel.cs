using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

// A panel is eight vectors side by side: [N, 8], row-major, so that one row is one 512-bit vector. All loops run over
// rows in order; only Multiply is spread over threads, and there each row of the result is one sum in one order.


namespace OnnxMka.Numerics;

internal static class Panel
{
    public const int Width = 8;

    /// <summary>Rows of A given to one thread at a time: enough to pay for handing them out.</summary>
    private const int RowsPerBlock = 128;

    public static double[] Zero(int n) => new double[n * Width];

    /// <summary>The panel's rows as vectors: [N] of 8.</summary>
    public static Span<Vector512<double>> Rows(Span<double> panel) => MemoryMarshal.Cast<double, Vector512<double>>(panel);

    /// <summary>Y = A Q: [N, N] x [N, 8] -> [N, 8]. A is streamed once for all eight vectors.</summary>
    public static void Multiply(double[] a, int n, double[] panel, double[] product, int maxThreads) =>
        RowBlocks.For(n, RowsPerBlock, maxThreads, (first, end) =>
        {
            var q = Rows(panel); // [N] of 8
            var y = Rows(product); // [N] of 8
            var i = first;
            for (; i <= end - 4; i += 4)
            {
                var a0 = a.AsSpan(i * n, n);
                var a1 = a.AsSpan((i + 1) * n, n);
                var a2 = a.AsSpan((i + 2) * n, n);
                var a3 = a.AsSpan((i + 3) * n, n);
                Vector512<double> y0 = default, y1 = default, y2 = default, y3 = default;
                for (var j = 0; j < q.Length; j++)
                {
                    y0 = Vector512.FusedMultiplyAdd(Vector512.Create(a0[j]), q[j], y0);
                    y1 = Vector512.FusedMultiplyAdd(Vector512.Create(a1[j]), q[j], y1);
                    y2 = Vector512.FusedMultiplyAdd(Vector512.Create(a2[j]), q[j], y2);
                    y3 = Vector512.FusedMultiplyAdd(Vector512.Create(a3[j]), q[j], y3);
                }

                (y[i], y[i + 1], y[i + 2], y[i + 3]) = (y0, y1, y2, y3);
            }

            for (; i < end; i++)
            {
                var row = a.AsSpan(i * n, n);
                Vector512<double> sum = default;
                for (var j = 0; j < q.Length; j++)
                    sum = Vector512.FusedMultiplyAdd(Vector512.Create(row[j]), q[j], sum);
                y[i] = sum;
            }
        });

    /// <summary>C = Q'W: [8, N] x [N, 8] -> [8, 8], row-major.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // at once, not after a number of slow calls: most processes score once
    public static void Gram(double[] q, double[] w, Span<double> c)
    {
        var rows = Rows(w);
        Vector512<double> c0 = default, c1 = default, c2 = default, c3 = default;
        Vector512<double> c4 = default, c5 = default, c6 = default, c7 = default;
        for (var i = 0; i < rows.Length; i++)
        {
            var left = q.AsSpan(i * Width, Width);
            c0 = Vector512.FusedMultiplyAdd(Vector512.Create(left[0]), rows[i], c0);
            c1 = Vector512.FusedMultiplyAdd(Vector512.Create(left[1]), rows[i], c1);
            c2 = Vector512.FusedMultiplyAdd(Vector512.Create(left[2]), rows[i], c2);
            c3 = Vector512.FusedMultiplyAdd(Vector512.Create(left[3]), rows[i], c3);
            c4 = Vector512.FusedMultiplyAdd(Vector512.Create(left[4]), rows[i], c4);
            c5 = Vector512.FusedMultiplyAdd(Vector512.Create(left[5]), rows[i], c5);
            c6 = Vector512.FusedMultiplyAdd(Vector512.Create(left[6]), rows[i], c6);
            c7 = Vector512.FusedMultiplyAdd(Vector512.Create(left[7]), rows[i], c7);
        }

        var result = Rows(c);
        (result[0], result[1], result[2], result[3]) = (c0, c1, c2, c3);
        (result[4], result[5], result[6], result[7]) = (c4, c5, c6, c7);
    }

    /// <summary>W += sign Q C: [N, 8] x [8, 8].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // at once, not after a number of slow calls: most processes score once
    public static void AddProduct(double[] w, double[] q, ReadOnlySpan<double> c, double sign)
    {
        var rows = Rows(w);
        var right = MemoryMarshal.Cast<double, Vector512<double>>(c); // [8] of 8
        var factor = Vector512.Create(sign);
        Vector512<double> r0 = right[0] * factor, r1 = right[1] * factor, r2 = right[2] * factor, r3 = right[3] * factor;
        Vector512<double> r4 = right[4] * factor, r5 = right[5] * factor, r6 = right[6] * factor, r7 = right[7] * factor;
        for (var i = 0; i < rows.Length; i++)
        {
            var left = q.AsSpan(i * Width, Width);
            var even = Vector512.FusedMultiplyAdd(Vector512.Create(left[0]), r0, rows[i]);
            var odd = Vector512.Create(left[1]) * r1;
            even = Vector512.FusedMultiplyAdd(Vector512.Create(left[2]), r2, even);
            odd = Vector512.FusedMultiplyAdd(Vector512.Create(left[3]), r3, odd);
            even = Vector512.FusedMultiplyAdd(Vector512.Create(left[4]), r4, even);
            odd = Vector512.FusedMultiplyAdd(Vector512.Create(left[5]), r5, odd);
            even = Vector512.FusedMultiplyAdd(Vector512.Create(left[6]), r6, even);
            odd = Vector512.FusedMultiplyAdd(Vector512.Create(left[7]), r7, odd);
            rows[i] = even + odd;
        }
    }

    /// <summary>W -= u (u'W): takes one known unit eigenvector out of all eight columns. u [N].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // at once, not after a number of slow calls: most processes score once
    public static void Deflate(double[] w, double[] u)
    {
        var rows = Rows(w);
        var shares = Vector512<double>.Zero;
        for (var i = 0; i < rows.Length; i++)
            shares = Vector512.FusedMultiplyAdd(Vector512.Create(u[i]), rows[i], shares);
        shares = -shares;
        for (var i = 0; i < rows.Length; i++)
            rows[i] = Vector512.FusedMultiplyAdd(Vector512.Create(u[i]), shares, rows[i]);
    }
}
