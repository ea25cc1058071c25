using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

// Products of panels: A [K, 8], B and C [K, 8] -> A'B and A'C, [8, 16], float64. Sixteen running sums in registers, ten loads
// for as many fused multiply-adds. An entry is one running sum over k = 0..K-1, whatever the width of the vectors.


namespace OnnxMka.Numerics;

internal static class ProductTile
{
    /// <summary>Columns of a panel.</summary>
    public const int Width = 8;

    /// <summary>Adds the products of panel <paramref name="a"/> and of two panels that follow each other at <paramref name="b"/>.</summary>
    /// <param name="count">K.</param>
    /// <param name="target">[8, 16] in rows of <paramref name="pitch"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // at once, not after a number of slow calls: most processes score once
    public static unsafe void Add(double* a, double* b, int count, double* target, int pitch)
    {
        var c = b + (count * Width);
        Vector512<double> s00 = default, s10 = default, s20 = default, s30 = default;
        Vector512<double> s40 = default, s50 = default, s60 = default, s70 = default;
        Vector512<double> s01 = default, s11 = default, s21 = default, s31 = default;
        Vector512<double> s41 = default, s51 = default, s61 = default, s71 = default;
        for (var end = a + (count * Width); a < end; a += Width, b += Width, c += Width)
        {
            Vector512<double> y0 = Vector512.Load(b), y1 = Vector512.Load(c);
            var x = Vector512.Create(a[0]);
            s00 = Vector512.FusedMultiplyAdd(x, y0, s00);
            s01 = Vector512.FusedMultiplyAdd(x, y1, s01);
            x = Vector512.Create(a[1]);
            s10 = Vector512.FusedMultiplyAdd(x, y0, s10);
            s11 = Vector512.FusedMultiplyAdd(x, y1, s11);
            x = Vector512.Create(a[2]);
            s20 = Vector512.FusedMultiplyAdd(x, y0, s20);
            s21 = Vector512.FusedMultiplyAdd(x, y1, s21);
            x = Vector512.Create(a[3]);
            s30 = Vector512.FusedMultiplyAdd(x, y0, s30);
            s31 = Vector512.FusedMultiplyAdd(x, y1, s31);
            x = Vector512.Create(a[4]);
            s40 = Vector512.FusedMultiplyAdd(x, y0, s40);
            s41 = Vector512.FusedMultiplyAdd(x, y1, s41);
            x = Vector512.Create(a[5]);
            s50 = Vector512.FusedMultiplyAdd(x, y0, s50);
            s51 = Vector512.FusedMultiplyAdd(x, y1, s51);
            x = Vector512.Create(a[6]);
            s60 = Vector512.FusedMultiplyAdd(x, y0, s60);
            s61 = Vector512.FusedMultiplyAdd(x, y1, s61);
            x = Vector512.Create(a[7]);
            s70 = Vector512.FusedMultiplyAdd(x, y0, s70);
            s71 = Vector512.FusedMultiplyAdd(x, y1, s71);
        }

        AddColumn(target, pitch, s00, s10, s20, s30, s40, s50, s60, s70);
        AddColumn(target + Width, pitch, s01, s11, s21, s31, s41, s51, s61, s71);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static unsafe void AddColumn(
        double* target,
        int pitch,
        Vector512<double> s0,
        Vector512<double> s1,
        Vector512<double> s2,
        Vector512<double> s3,
        Vector512<double> s4,
        Vector512<double> s5,
        Vector512<double> s6,
        Vector512<double> s7)
    {
        (Vector512.Load(target) + s0).Store(target);
        (Vector512.Load(target + pitch) + s1).Store(target + pitch);
        (Vector512.Load(target + (2 * pitch)) + s2).Store(target + (2 * pitch));
        (Vector512.Load(target + (3 * pitch)) + s3).Store(target + (3 * pitch));
        (Vector512.Load(target + (4 * pitch)) + s4).Store(target + (4 * pitch));
        (Vector512.Load(target + (5 * pitch)) + s5).Store(target + (5 * pitch));
        (Vector512.Load(target + (6 * pitch)) + s6).Store(target + (6 * pitch));
        (Vector512.Load(target + (7 * pitch)) + s7).Store(target + (7 * pitch));
    }
}
