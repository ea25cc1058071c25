using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OnnxMka.Numerics;

/// <summary>
/// The one kernel of matrix products: A [K, 8] and B [K, C] in panels give [8, C], C = 24 in float64 and 48 in float32. Its sums stay in
/// registers: 24 of 512 bits, or 12 of 256 bits four times over. An entry is one running sum over k = 0..K-1, whatever the width of the
/// vectors: the same bits.
/// </summary>
internal static unsafe class Tile
{
    /// <summary>Vectors of a left panel, rows of a tile.</summary>
    public const int Rows = 8;

    /// <summary>Vectors of a right panel, columns of a tile: 24 or 48.</summary>
    public static int Columns<T>()
        where T : unmanaged => 3 * Vector512<T>.Count;

    /// <summary>Target = sign A'B, or target + sign A'B.</summary>
    /// <param name="a">[depth, 8]</param>
    /// <param name="b">[depth, C]</param>
    /// <param name="target">[8, C] in rows of <paramref name="pitch"/>.</param>
    /// <param name="sign">1 or -1.</param>
    /// <param name="keep">Whether what stands in the target stays in the sum.</param>
    public static void Write<T>(T* a, T* b, int depth, T* target, nint pitch, T sign, bool keep)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Wide(a, b, depth, target, pitch, sign, keep);
            return;
        }

        for (var row = 0; row < Rows; row += Rows / 2)
        {
            for (var column = 0; column < Columns<T>(); column += Columns<T>() / 2)
                Narrow(a + row, b + column, depth, target + (row * pitch) + column, pitch, sign, keep);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // at once, not after a number of slow calls: most processes score once
    private static void Wide<T>(T* a, T* b, int depth, T* target, nint pitch, T sign, bool keep)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var lanes = Vector512<T>.Count;
        Vector512<T> s00 = default, s01 = default, s02 = default;
        Vector512<T> s10 = default, s11 = default, s12 = default;
        Vector512<T> s20 = default, s21 = default, s22 = default;
        Vector512<T> s30 = default, s31 = default, s32 = default;
        Vector512<T> s40 = default, s41 = default, s42 = default;
        Vector512<T> s50 = default, s51 = default, s52 = default;
        Vector512<T> s60 = default, s61 = default, s62 = default;
        Vector512<T> s70 = default, s71 = default, s72 = default;
        for (var end = a + ((nint)depth * Rows); a < end; a += Rows, b += Columns<T>())
        {
            Vector512<T> y0 = Vector512.Load(b), y1 = Vector512.Load(b + lanes), y2 = Vector512.Load(b + (2 * lanes));
            var x = Vector512.Create(a[0]);
            s00 = Fused(x, y0, s00);
            s01 = Fused(x, y1, s01);
            s02 = Fused(x, y2, s02);
            x = Vector512.Create(a[1]);
            s10 = Fused(x, y0, s10);
            s11 = Fused(x, y1, s11);
            s12 = Fused(x, y2, s12);
            x = Vector512.Create(a[2]);
            s20 = Fused(x, y0, s20);
            s21 = Fused(x, y1, s21);
            s22 = Fused(x, y2, s22);
            x = Vector512.Create(a[3]);
            s30 = Fused(x, y0, s30);
            s31 = Fused(x, y1, s31);
            s32 = Fused(x, y2, s32);
            x = Vector512.Create(a[4]);
            s40 = Fused(x, y0, s40);
            s41 = Fused(x, y1, s41);
            s42 = Fused(x, y2, s42);
            x = Vector512.Create(a[5]);
            s50 = Fused(x, y0, s50);
            s51 = Fused(x, y1, s51);
            s52 = Fused(x, y2, s52);
            x = Vector512.Create(a[6]);
            s60 = Fused(x, y0, s60);
            s61 = Fused(x, y1, s61);
            s62 = Fused(x, y2, s62);
            x = Vector512.Create(a[7]);
            s70 = Fused(x, y0, s70);
            s71 = Fused(x, y1, s71);
            s72 = Fused(x, y2, s72);
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

    /// <summary>A quarter: rows 0..3 of the panel at <paramref name="a"/>, half of the columns of that at <paramref name="b"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Narrow<T>(T* a, T* b, int depth, T* target, nint pitch, T sign, bool keep)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var lanes = Vector256<T>.Count;
        Vector256<T> s00 = default, s01 = default, s02 = default;
        Vector256<T> s10 = default, s11 = default, s12 = default;
        Vector256<T> s20 = default, s21 = default, s22 = default;
        Vector256<T> s30 = default, s31 = default, s32 = default;
        for (var end = a + ((nint)depth * Rows); a < end; a += Rows, b += Columns<T>())
        {
            Vector256<T> y0 = Vector256.Load(b), y1 = Vector256.Load(b + lanes), y2 = Vector256.Load(b + (2 * lanes));
            var x = Vector256.Create(a[0]);
            s00 = Fused(x, y0, s00);
            s01 = Fused(x, y1, s01);
            s02 = Fused(x, y2, s02);
            x = Vector256.Create(a[1]);
            s10 = Fused(x, y0, s10);
            s11 = Fused(x, y1, s11);
            s12 = Fused(x, y2, s12);
            x = Vector256.Create(a[2]);
            s20 = Fused(x, y0, s20);
            s21 = Fused(x, y1, s21);
            s22 = Fused(x, y2, s22);
            x = Vector256.Create(a[3]);
            s30 = Fused(x, y0, s30);
            s31 = Fused(x, y1, s31);
            s32 = Fused(x, y2, s32);
        }

        Write(target, s00, s01, s02, sign, keep);
        Write(target + pitch, s10, s11, s12, sign, keep);
        Write(target + (2 * pitch), s20, s21, s22, sign, keep);
        Write(target + (3 * pitch), s30, s31, s32, sign, keep);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write<T>(T* row, Vector512<T> s0, Vector512<T> s1, Vector512<T> s2, T sign, bool keep)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (factor, lanes) = (Vector512.Create(sign), Vector512<T>.Count);
        (keep ? Fused(s0, factor, Vector512.Load(row)) : s0 * factor).Store(row);
        (keep ? Fused(s1, factor, Vector512.Load(row + lanes)) : s1 * factor).Store(row + lanes);
        (keep ? Fused(s2, factor, Vector512.Load(row + (2 * lanes))) : s2 * factor).Store(row + (2 * lanes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Write<T>(T* row, Vector256<T> s0, Vector256<T> s1, Vector256<T> s2, T sign, bool keep)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (factor, lanes) = (Vector256.Create(sign), Vector256<T>.Count);
        (keep ? Fused(s0, factor, Vector256.Load(row)) : s0 * factor).Store(row);
        (keep ? Fused(s1, factor, Vector256.Load(row + lanes)) : s1 * factor).Store(row + lanes);
        (keep ? Fused(s2, factor, Vector256.Load(row + (2 * lanes))) : s2 * factor).Store(row + (2 * lanes));
    }

    /// <summary>x y + z, rounded once. The vectors' own is not generic; the test of the type costs nothing once compiled.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> Fused<T>(Vector512<T> x, Vector512<T> y, Vector512<T> z)
        where T : unmanaged => typeof(T) == typeof(float)
        ? Vector512.FusedMultiplyAdd(x.AsSingle(), y.AsSingle(), z.AsSingle()).As<float, T>()
        : Vector512.FusedMultiplyAdd(x.AsDouble(), y.AsDouble(), z.AsDouble()).As<double, T>();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<T> Fused<T>(Vector256<T> x, Vector256<T> y, Vector256<T> z)
        where T : unmanaged => typeof(T) == typeof(float)
        ? Vector256.FusedMultiplyAdd(x.AsSingle(), y.AsSingle(), z.AsSingle()).As<float, T>()
        : Vector256.FusedMultiplyAdd(x.AsDouble(), y.AsDouble(), z.AsDouble()).As<double, T>();
}
