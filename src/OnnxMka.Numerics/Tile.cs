using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OnnxMka.Numerics;

/// <summary>
/// The one kernel of matrix products: A [K, 8] and B [K, 24] in panels give [8, 24] in float64. Its sums stay in registers: 24 of 512 bits,
/// or 12 of 256 bits four times over. An entry is one running sum over k = 0..K-1, whatever the width of the vectors: the same bits.
/// </summary>
internal static unsafe class Tile
{
    /// <summary>Vectors of a left panel, rows of a tile.</summary>
    public const int Rows = 8;

    /// <summary>Vectors of a right panel, columns of a tile.</summary>
    public const int Columns = 24;

    /// <summary>Target = sign A'B, or target + sign A'B.</summary>
    /// <param name="a">[depth, 8]</param>
    /// <param name="b">[depth, 24]</param>
    /// <param name="target">[8, 24] in rows of <paramref name="pitch"/>.</param>
    /// <param name="sign">1 or -1.</param>
    /// <param name="keep">Whether what stands in the target stays in the sum.</param>
    public static void Write(double* a, double* b, int depth, double* target, nint pitch, double sign, bool keep)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Wide(a, b, depth, target, pitch, sign, keep);
            return;
        }

        for (var row = 0; row < Rows; row += Rows / 2)
        {
            for (var column = 0; column < Columns; column += Columns / 2)
                Narrow(a + row, b + column, depth, target + (row * pitch) + column, pitch, sign, keep);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // at once, not after a number of slow calls: most processes score once
    private static void Wide(double* a, double* b, int depth, double* target, nint pitch, double sign, bool keep)
    {
        Vector512<double> s00 = default, s01 = default, s02 = default;
        Vector512<double> s10 = default, s11 = default, s12 = default;
        Vector512<double> s20 = default, s21 = default, s22 = default;
        Vector512<double> s30 = default, s31 = default, s32 = default;
        Vector512<double> s40 = default, s41 = default, s42 = default;
        Vector512<double> s50 = default, s51 = default, s52 = default;
        Vector512<double> s60 = default, s61 = default, s62 = default;
        Vector512<double> s70 = default, s71 = default, s72 = default;
        for (var end = a + ((nint)depth * Rows); a < end; a += Rows, b += Columns)
        {
            Vector512<double> y0 = Vector512.Load(b), y1 = Vector512.Load(b + 8), y2 = Vector512.Load(b + 16);
            var x = Vector512.Create(a[0]);
            s00 = Vector512.FusedMultiplyAdd(x, y0, s00);
            s01 = Vector512.FusedMultiplyAdd(x, y1, s01);
            s02 = Vector512.FusedMultiplyAdd(x, y2, s02);
            x = Vector512.Create(a[1]);
            s10 = Vector512.FusedMultiplyAdd(x, y0, s10);
            s11 = Vector512.FusedMultiplyAdd(x, y1, s11);
            s12 = Vector512.FusedMultiplyAdd(x, y2, s12);
            x = Vector512.Create(a[2]);
            s20 = Vector512.FusedMultiplyAdd(x, y0, s20);
            s21 = Vector512.FusedMultiplyAdd(x, y1, s21);
            s22 = Vector512.FusedMultiplyAdd(x, y2, s22);
            x = Vector512.Create(a[3]);
            s30 = Vector512.FusedMultiplyAdd(x, y0, s30);
            s31 = Vector512.FusedMultiplyAdd(x, y1, s31);
            s32 = Vector512.FusedMultiplyAdd(x, y2, s32);
            x = Vector512.Create(a[4]);
            s40 = Vector512.FusedMultiplyAdd(x, y0, s40);
            s41 = Vector512.FusedMultiplyAdd(x, y1, s41);
            s42 = Vector512.FusedMultiplyAdd(x, y2, s42);
            x = Vector512.Create(a[5]);
            s50 = Vector512.FusedMultiplyAdd(x, y0, s50);
            s51 = Vector512.FusedMultiplyAdd(x, y1, s51);
            s52 = Vector512.FusedMultiplyAdd(x, y2, s52);
            x = Vector512.Create(a[6]);
            s60 = Vector512.FusedMultiplyAdd(x, y0, s60);
            s61 = Vector512.FusedMultiplyAdd(x, y1, s61);
            s62 = Vector512.FusedMultiplyAdd(x, y2, s62);
            x = Vector512.Create(a[7]);
            s70 = Vector512.FusedMultiplyAdd(x, y0, s70);
            s71 = Vector512.FusedMultiplyAdd(x, y1, s71);
            s72 = Vector512.FusedMultiplyAdd(x, y2, s72);
        }

        Write(target, s00, s01, s02, sign, keep);
        Write(target + pitch, s10, s11, s12, sign, keep);
        Write(target + (2 * pitch), s20, s21, s22, sign, keep);
        Write(target + (3 * pitch), s30, s31, s32, sign, keep);
        Write(target + (4 * pitch), s40, s41, s42, sign, keep);
        Write(target + (5 * pitch), s50, s51, s52, sign, keep);
        Write(target + (6 * pitch), s60, s61, s62, sign, keep);
        Write(target + (7 * pitch), s70, s71, s72, sign, keep);
    }

    /// <summary>A quarter: rows 0..3 of the panel at <paramref name="a"/>, columns 0..11 of that at <paramref name="b"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Narrow(double* a, double* b, int depth, double* target, nint pitch, double sign, bool keep)
    {
        Vector256<double> s00 = default, s01 = default, s02 = default;
        Vector256<double> s10 = default, s11 = default, s12 = default;
        Vector256<double> s20 = default, s21 = default, s22 = default;
        Vector256<double> s30 = default, s31 = default, s32 = default;
        for (var end = a + ((nint)depth * Rows); a < end; a += Rows, b += Columns)
        {
            Vector256<double> y0 = Vector256.Load(b), y1 = Vector256.Load(b + 4), y2 = Vector256.Load(b + 8);
            var x = Vector256.Create(a[0]);
            s00 = Vector256.FusedMultiplyAdd(x, y0, s00);
            s01 = Vector256.FusedMultiplyAdd(x, y1, s01);
            s02 = Vector256.FusedMultiplyAdd(x, y2, s02);
            x = Vector256.Create(a[1]);
            s10 = Vector256.FusedMultiplyAdd(x, y0, s10);
            s11 = Vector256.FusedMultiplyAdd(x, y1, s11);
            s12 = Vector256.FusedMultiplyAdd(x, y2, s12);
            x = Vector256.Create(a[2]);
            s20 = Vector256.FusedMultiplyAdd(x, y0, s20);
            s21 = Vector256.FusedMultiplyAdd(x, y1, s21);
            s22 = Vector256.FusedMultiplyAdd(x, y2, s22);
            x = Vector256.Create(a[3]);
            s30 = Vector256.FusedMultiplyAdd(x, y0, s30);
            s31 = Vector256.FusedMultiplyAdd(x, y1, s31);
            s32 = Vector256.FusedMultiplyAdd(x, y2, s32);
        }

        Write(target, s00, s01, s02, sign, keep);
        Write(target + pitch, s10, s11, s12, sign, keep);
        Write(target + (2 * pitch), s20, s21, s22, sign, keep);
        Write(target + (3 * pitch), s30, s31, s32, sign, keep);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(double* row, Vector512<double> s0, Vector512<double> s1, Vector512<double> s2, double sign, bool keep)
    {
        var factor = Vector512.Create(sign);
        (keep ? Vector512.FusedMultiplyAdd(s0, factor, Vector512.Load(row)) : s0 * factor).Store(row);
        (keep ? Vector512.FusedMultiplyAdd(s1, factor, Vector512.Load(row + 8)) : s1 * factor).Store(row + 8);
        (keep ? Vector512.FusedMultiplyAdd(s2, factor, Vector512.Load(row + 16)) : s2 * factor).Store(row + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write(double* row, Vector256<double> s0, Vector256<double> s1, Vector256<double> s2, double sign, bool keep)
    {
        var factor = Vector256.Create(sign);
        (keep ? Vector256.FusedMultiplyAdd(s0, factor, Vector256.Load(row)) : s0 * factor).Store(row);
        (keep ? Vector256.FusedMultiplyAdd(s1, factor, Vector256.Load(row + 4)) : s1 * factor).Store(row + 4);
        (keep ? Vector256.FusedMultiplyAdd(s2, factor, Vector256.Load(row + 8)) : s2 * factor).Store(row + 8);
    }
}
