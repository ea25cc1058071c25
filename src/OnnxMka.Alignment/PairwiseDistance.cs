using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using OnnxMka.Numerics;

// D2[i,j] = sum_h (X[i,h] - X[j,h])^2 in float64 from float32 data: X [N, H] -> D2 [N, N].
//
// By differences here, where the data are small; else by GramDistance, which comes back for what it cancels. A float32
// difference is exact or correctly rounded in float64, so the relative error of D2 by differences is below
// (H/8 + 12) * 2^-53 (eight running sums of H/8 non-negative terms).
//
// Order of summation, the same for every pair wherever it falls: lane h mod 8 over h, then the eight lanes, then the
// H mod 8 last features. Blocks of 32 x 32 pairs (32 rows of 4,096 floats fit a second-level cache), tiles of 4 x 4.


namespace OnnxMka.Alignment;

internal static class PairwiseDistance
{
    /// <summary>Pairs computed together are this many rows against as many.</summary>
    public const int Tile = 4;

    /// <summary>Rows of one side of a unit of work.</summary>
    public const int Block = 32;

    private const int Lanes = 8;

    /// <summary>Fills <paramref name="squared"/> [N, N] with both triangles; the diagonal is exactly zero.</summary>
    public static void Squared(SampleMatrix x, double[] squared, int maxThreads)
    {
        if (x.Samples >= GramDistance.LeastSamples && x.Features >= GramDistance.LeastFeatures)
            GramDistance.Squared(x, squared, maxThreads);
        else
            ByDifferences(x, squared, maxThreads);
    }

    /// <summary>All distances by differences.</summary>
    public static void ByDifferences(SampleMatrix x, double[] squared, int maxThreads)
    {
        var blocks = (x.Samples + Block - 1) / Block;
        RowBlocks.For(blocks * (blocks + 1) / 2, 1, maxThreads, (pair, _) =>
        {
            var (row, column) = BlocksOf(pair);
            foreach (var (i, rows, j, columns) in Tiles(x.Samples, row, column))
                ByDifferences(x, squared, i, rows, j, columns);
        });
    }

    /// <summary>The unordered pairs of row blocks, numbered (0,0), (0,1), (1,1), (0,2), ...</summary>
    public static (int Row, int Column) BlocksOf(int pair)
    {
        var column = (int)((Math.Sqrt((8.0 * pair) + 1) - 1) / 2); // exact: pair stays far below 2^52
        return (pair - (column * (column + 1) / 2), column);
    }

    /// <summary>Tiles of a pair of blocks: first row and column, and how many of each.</summary>
    public static IEnumerable<(int I, int Rows, int J, int Columns)> Tiles(int samples, int row, int column)
    {
        int iEnd = Math.Min(samples, (row + 1) * Block), jEnd = Math.Min(samples, (column + 1) * Block);
        for (var j = column * Block; j < jEnd; j += Tile)
        {
            // On a diagonal block the tiles above the diagonal are enough.
            var iStop = row == column ? Math.Min(iEnd, j + Tile) : iEnd;
            for (var i = row * Block; i < iStop; i += Tile)
                yield return (i, Math.Min(Tile, iEnd - i), j, Math.Min(Tile, jEnd - j));
        }
    }

    /// <summary>Distances of up to four rows from i on to up to four from j on, with their mirror images.</summary>
    public static unsafe void ByDifferences(SampleMatrix x, double[] squared, int i, int rows, int j, int columns)
    {
        int n = x.Samples, features = x.Features;
        var tile = stackalloc double[Tile * Tile];
        fixed (float* values = x.Values) // [N, H]
        {
            float* a = values + ((long)i * features), b = values + ((long)j * features);
            if (rows == Tile && columns == Tile)
                TileOf16(a, b, features, tile);
            else
                RaggedTile(a, rows, b, columns, features, tile);
        }

        for (var r = 0; r < rows; r++)
        {
            for (var c = 0; c < columns; c++)
            {
                var value = tile[(r * Tile) + c];
                squared[((long)(i + r) * n) + j + c] = value;
                squared[((long)(j + c) * n) + i + r] = value;
            }
        }
    }

    private static unsafe void RaggedTile(float* a, int rows, float* b, int columns, int features, double* tile)
    {
        for (var r = 0; r < rows; r++)
        {
            for (var c = 0; c < columns; c++)
            {
                float* x = a + ((long)r * features), y = b + ((long)c * features);
                var sum = Vector512<double>.Zero;
                for (var h = 0; h <= features - Lanes; h += Lanes)
                    sum = AddSquare(Widen(x + h), Widen(y + h), sum);
                tile[(r * Tile) + c] = Finish(sum, x, y, features);
            }
        }
    }

    /// <summary>Four rows against four: sixteen running sums, eight widening loads per 128 differences.</summary>
    private static unsafe void TileOf16(float* a, float* b, int features, double* tile)
    {
        float* a1 = a + features, a2 = a1 + features, a3 = a2 + features;
        float* b1 = b + features, b2 = b1 + features, b3 = b2 + features;
        Vector512<double> s00 = default, s01 = default, s02 = default, s03 = default;
        Vector512<double> s10 = default, s11 = default, s12 = default, s13 = default;
        Vector512<double> s20 = default, s21 = default, s22 = default, s23 = default;
        Vector512<double> s30 = default, s31 = default, s32 = default, s33 = default;
        for (var h = 0; h <= features - Lanes; h += Lanes)
        {
            Vector512<double> x0 = Widen(a + h), x1 = Widen(a1 + h), x2 = Widen(a2 + h), x3 = Widen(a3 + h);
            var y = Widen(b + h);
            s00 = AddSquare(x0, y, s00);
            s10 = AddSquare(x1, y, s10);
            s20 = AddSquare(x2, y, s20);
            s30 = AddSquare(x3, y, s30);
            y = Widen(b1 + h);
            s01 = AddSquare(x0, y, s01);
            s11 = AddSquare(x1, y, s11);
            s21 = AddSquare(x2, y, s21);
            s31 = AddSquare(x3, y, s31);
            y = Widen(b2 + h);
            s02 = AddSquare(x0, y, s02);
            s12 = AddSquare(x1, y, s12);
            s22 = AddSquare(x2, y, s22);
            s32 = AddSquare(x3, y, s32);
            y = Widen(b3 + h);
            s03 = AddSquare(x0, y, s03);
            s13 = AddSquare(x1, y, s13);
            s23 = AddSquare(x2, y, s23);
            s33 = AddSquare(x3, y, s33);
        }

        FinishRow(s00, s01, s02, s03, a, b, features, tile);
        FinishRow(s10, s11, s12, s13, a1, b, features, tile + Tile);
        FinishRow(s20, s21, s22, s23, a2, b, features, tile + (2 * Tile));
        FinishRow(s30, s31, s32, s33, a3, b, features, tile + (3 * Tile));
    }

    private static unsafe void FinishRow(
        Vector512<double> s0,
        Vector512<double> s1,
        Vector512<double> s2,
        Vector512<double> s3,
        float* x,
        float* b,
        int features,
        double* row)
    {
        row[0] = Finish(s0, x, b, features);
        row[1] = Finish(s1, x, b + features, features);
        row[2] = Finish(s2, x, b + (2L * features), features);
        row[3] = Finish(s3, x, b + (3L * features), features);
    }

    private static unsafe double Finish(Vector512<double> lanes, float* x, float* y, int features)
    {
        var sum = Vector512.Sum(lanes);
        for (var h = features - (features % Lanes); h < features; h++)
        {
            var difference = (double)x[h] - y[h];
            sum += difference * difference;
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> AddSquare(Vector512<double> x, Vector512<double> y, Vector512<double> sum)
    {
        var difference = x - y;
        return Vector512.FusedMultiplyAdd(difference, difference, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector512<double> Widen(float* source)
    {
        var single = Vector256.Load(source);
        return Avx512F.IsSupported
            ? Avx512F.ConvertToVector512Double(single)
            : Vector512.Create(Vector256.WidenLower(single), Vector256.WidenUpper(single));
    }
}
