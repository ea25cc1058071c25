using ILGPU;

// D2[i,j] = sum_h (X[i,h] - X[j,h])^2, float64 from float32: X [N, H] -> D2 [N, N]. By differences, as on the CPU.
//
// A group of 8 x 8 threads computes a tile of 16 x 16 pairs, each thread 2 x 2 of them, from slices of 16 features that the
// group holds in shared memory, already widened. Tiles below the diagonal are the mirror of those above. One pair is one
// running sum over h = 0..H-1: its relative error is below (H + 2) 2^-53, and D2[i,j] and D2[j,i] are one number.


namespace OnnxMka.Alignment.Ilgpu;

internal static class DistanceTiles
{
    private const int Side = 8;
    private const int Tile = 2 * Side;
    private const int Depth = 16;
    private const int Pitch = Tile + 1; // threads that store one row each must not meet in one memory bank

    /// <summary>Groups in each direction, and threads of each.</summary>
    public static KernelConfig Grid(int n)
    {
        var tiles = (n + Tile - 1) / Tile;
        return new KernelConfig(new Index3D(tiles, tiles, 1), new Index3D(Side, Side, 1));
    }

    public static void Kernel(ArrayView<float> x, ArrayView<double> squared, int n, int features)
    {
        int column = ILGPU.Grid.IdxX, row = ILGPU.Grid.IdxY;
        if (row > column)
            return;

        var left = SharedMemory.Allocate<double>(Depth * Pitch); // [Depth, Tile]
        var right = SharedMemory.Allocate<double>(Depth * Pitch);
        int tx = Group.IdxX, ty = Group.IdxY;
        var thread = (ty * Side) + tx;
        double s00 = 0, s01 = 0, s10 = 0, s11 = 0;
        for (var start = 0; start < features; start += Depth)
        {
            for (var k = thread; k < Depth * Tile; k += Side * Side)
            {
                int r = k / Depth, h = k % Depth;
                left[(h * Pitch) + r] = Value(x, (row * Tile) + r, start + h, n, features);
                right[(h * Pitch) + r] = Value(x, (column * Tile) + r, start + h, n, features);
            }

            Group.Barrier();
            for (var h = 0; h < Depth; h++)
            {
                double a0 = left[(h * Pitch) + ty], a1 = left[(h * Pitch) + ty + Side];
                double b0 = right[(h * Pitch) + tx], b1 = right[(h * Pitch) + tx + Side];
                s00 += (a0 - b0) * (a0 - b0);
                s01 += (a0 - b1) * (a0 - b1);
                s10 += (a1 - b0) * (a1 - b0);
                s11 += (a1 - b1) * (a1 - b1);
            }

            Group.Barrier();
        }

        int i = (row * Tile) + ty, j = (column * Tile) + tx;
        Store(squared, n, i, j, s00);
        Store(squared, n, i, j + Side, s01);
        Store(squared, n, i + Side, j, s10);
        Store(squared, n, i + Side, j + Side, s11);
    }

    /// <summary>0 beyond the matrix: a feature that is not there adds nothing, a row that is not there is not stored.</summary>
    private static double Value(ArrayView<float> x, int i, int h, int n, int features) =>
        i < n && h < features ? x[((long)i * features) + h] : 0;

    private static void Store(ArrayView<double> squared, int n, int i, int j, double value)
    {
        if (i >= n || j >= n)
            return;

        squared[((long)i * n) + j] = value;
        squared[((long)j * n) + i] = value;
    }
}
