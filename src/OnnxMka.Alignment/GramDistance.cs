using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using OnnxMka.Numerics;

// D2[i,j] = g_ii + g_jj - 2 g_ij, G = Z Z', Z = X less one of its rows, in float64: X [N, H] -> D2 [N, N].
//
// One fused multiply-add a pair and feature, half the work of differences. The digits that the form cancels are bounded: a
// float32 difference is exact or rounded once in float64, a sum is one of Slice terms and one of H / Slice sums, so that
//
//   |error of D2[i,j]| <= 2 (Slice + H / Slice + 4) 2^-53 (g_ii + g_jj)
//
// A pair whose D2 is below (g_ii + g_jj) / Cancelled is computed again by differences (PairwiseDistance), with its tile of
// 4 x 4. So the relative error is below 2 Cancelled (Slice + H / Slice + 4) 2^-53: 2e-12 at H = 4,096, and near 1e-14 where
// roundings do not all fall on one side. The row taken off brings features of large, nearly constant value to nothing.
//
// g_ij is one running sum over h in its slice, whatever the tile, the thread and the width of the vectors: the same bits.


namespace OnnxMka.Alignment;

internal static class GramDistance
{
    /// <summary>Below these the Gram form saves nothing worth a bound.</summary>
    public const int LeastSamples = 32, LeastFeatures = 256;

    private const int Cancelled = 32;
    private const int Slice = 256; // features; eight rows of a slice are 16 KB, and stay in the first-level cache
    private const int Width = ProductTile.Width; // rows of a panel
    private const int Block = PairwiseDistance.Block;
    private const int Candidates = 16;

    /// <summary>Fills <paramref name="squared"/> [N, N] with both triangles; the diagonal is exactly zero.</summary>
    public static unsafe void Squared(SampleMatrix x, double[] squared, int maxThreads)
    {
        int n = x.Samples, features = x.Features;
        var panels = (n + (2 * Width) - 1) / (2 * Width) * 2; // a tile takes two: the last may be all zero
        var packed = ArrayPool<double>.Shared.Rent(checked(panels * Width * features)); // per slice, per panel: [slice, 8]
        var norms = new double[panels * Width]; // g_ii
        var origin = Origin(x);
        RowBlocks.For(panels, Block / Width, maxThreads, (first, end) =>
        {
            for (var panel = first; panel < end; panel++)
                Pack(x, origin, panel, panels, packed, norms);
        });

        var blocks = (n + Block - 1) / Block;
        RowBlocks.For(blocks * (blocks + 1) / 2, 1, maxThreads, (pair, _) =>
        {
            var (row, column) = PairwiseDistance.BlocksOf(pair);
            var products = stackalloc double[Block * Block];
            fixed (double* z = packed)
                Products(z, panels, features, row * (Block / Width), column * (Block / Width), products);
            Distances(x, squared, norms, products, row, column);
        });
        ArrayPool<double>.Shared.Return(packed);
    }

    /// <summary>The one of a few rows that is nearest to their mean. Any row would do; one amid the others cancels least.</summary>
    private static int Origin(SampleMatrix x)
    {
        var rows = Enumerable.Range(0, Math.Min(Candidates, x.Samples))
            .Select(k => (int)((long)k * x.Samples / Candidates))
            .Distinct()
            .ToArray();
        var mean = new float[x.Features];
        foreach (var row in rows)
            System.Numerics.Tensors.TensorPrimitives.MultiplyAdd(x.Row(row), 1f / rows.Length, mean, mean);
        var (nearest, least) = (rows[0], float.PositiveInfinity);
        foreach (var row in rows)
        {
            var distance = System.Numerics.Tensors.TensorPrimitives.Distance(x.Row(row), mean);
            if (distance < least) // false where the squares of float32 overflow: then the first row it is
                (nearest, least) = (row, distance);
        }

        return nearest;
    }

    /// <summary>Eight rows side by side, less the row <paramref name="origin"/>, and their norms; rows beyond N are zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // at once, not after a number of slow calls: most processes score once
    private static unsafe void Pack(SampleMatrix x, int origin, int panel, int panels, double[] packed, double[] norms)
    {
        var features = x.Features;
        var rows = stackalloc float*[Width];
        var turned = stackalloc float[Width * Width];
        var total = Vector512<double>.Zero;
        fixed (float* values = x.Values)
        fixed (double* z = packed)
        {
            for (var r = 0; r < Width; r++)
            {
                var i = (panel * Width) + r;
                rows[r] = values + ((long)(i < x.Samples ? i : origin) * features);
            }

            var less = values + ((long)origin * features);
            for (var first = 0; first < features; first += Slice)
            {
                var count = Math.Min(Slice, features - first);
                var target = z + ((long)first * panels * Width) + ((long)panel * count * Width);
                var sum = Vector512<double>.Zero;
                for (var h = 0; h < count; h++, target += Width)
                {
                    if (h % Width == 0)
                        Turn(rows, first + h, Math.Min(Width, count - h), turned);
                    var row = PairwiseDistance.Widen(turned + (h % Width * Width)) - Vector512.Create((double)less[first + h]);
                    row.Store(target);
                    sum = Vector512.FusedMultiplyAdd(row, row, sum);
                }

                total += sum;
            }
        }

        total.CopyTo(norms, panel * Width);
    }

    /// <summary>Features h .. h + count - 1 of eight rows, feature by feature: [8][count] -> [count, 8].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // at once, not after a number of slow calls: most processes score once
    private static unsafe void Turn(float** rows, int h, int count, float* turned)
    {
        if (count < Width || !Avx.IsSupported)
        {
            for (var r = 0; r < Width; r++)
            {
                for (var c = 0; c < count; c++)
                    turned[(c * Width) + r] = rows[r][h + c];
            }

            return;
        }

        // Pairs of rows are interleaved, then pairs of pairs, in each half of the vectors; then halves are put together.
        for (var half = 0; half < Width; half += 4)
        {
            Vector128<float> low0 = Vector128.Load(rows[0] + h + half), low1 = Vector128.Load(rows[1] + h + half);
            Vector128<float> low2 = Vector128.Load(rows[2] + h + half), low3 = Vector128.Load(rows[3] + h + half);
            Vector256<float> a = Vector256.Create(
                low0, Vector128.Load(rows[4] + h + half)), b = Vector256.Create(low1, Vector128.Load(rows[5] + h + half));
            Vector256<float> c = Vector256.Create(
                low2, Vector128.Load(rows[6] + h + half)), d = Vector256.Create(low3, Vector128.Load(rows[7] + h + half));
            Vector256<double> ab0 = Avx.UnpackLow(a, b).AsDouble(), ab2 = Avx.UnpackHigh(a, b).AsDouble();
            Vector256<double> cd0 = Avx.UnpackLow(c, d).AsDouble(), cd2 = Avx.UnpackHigh(c, d).AsDouble();
            Avx.UnpackLow(ab0, cd0).AsSingle().Store(turned + (half * Width));
            Avx.UnpackHigh(ab0, cd0).AsSingle().Store(turned + ((half + 1) * Width));
            Avx.UnpackLow(ab2, cd2).AsSingle().Store(turned + ((half + 2) * Width));
            Avx.UnpackHigh(ab2, cd2).AsSingle().Store(turned + ((half + 3) * Width));
        }
    }

    /// <summary>g_ij of two blocks of rows: [32, 32], of a block with itself only what lies above the diagonal.</summary>
    private static unsafe void Products(double* z, int panels, int features, int rowPanel, int columnPanel, double* products)
    {
        int rowEnd = Math.Min(panels, rowPanel + (Block / Width)), columnEnd = Math.Min(panels, columnPanel + (Block / Width));
        new Span<double>(products, Block * Block).Clear();
        for (var first = 0; first < features; first += Slice)
        {
            var count = Math.Min(Slice, features - first);
            var slice = z + ((long)first * panels * Width);
            for (var p = rowPanel; p < rowEnd; p++)
            {
                var target = products + ((p - rowPanel) * Width * Block);
                for (var q = columnPanel; q < columnEnd; q += 2)
                {
                    if (q + 1 >= p)
                    {
                        ProductTile.Add(
                            slice + ((long)p * count * Width),
                            slice + ((long)q * count * Width),
                            count,
                            target + ((q - columnPanel) * Width),
                            Block);
                    }
                }
            }
        }
    }

    /// <summary>
    /// Distances of one pair of blocks, in tiles of 4 x 4; a tile in which one is too small for the bound, by differences.
    /// </summary>
    private static unsafe void Distances(SampleMatrix x, double[] squared, double[] norms, double* products, int row, int column)
    {
        foreach (var (i, rows, j, columns) in PairwiseDistance.Tiles(x.Samples, row, column))
        {
            if (!TileHolds(squared, x.Samples, norms, products, i, i + rows, j, j + columns))
                PairwiseDistance.ByDifferences(x, squared, i, rows, j, columns);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // at once, not after a number of slow calls: most processes score once
    private static unsafe bool TileHolds(
        double[] squared, int n, double[] norms, double* products, int iStart, int iEnd, int jStart, int jEnd)
    {
        var holds = true;
        for (var i = iStart; i < iEnd; i++)
        {
            for (var j = Math.Max(jStart, i); j < jEnd; j++)
            {
                var scale = norms[i] + norms[j];
                var value = i == j ? 0 : scale - (2 * products[((i % Block) * Block) + (j % Block)]);
                holds &= i == j || value * Cancelled >= scale;
                squared[((long)i * n) + j] = value;
                squared[((long)j * n) + i] = value;
            }
        }

        return holds;
    }
}
