using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>Products and copies of dense matrices in float64, row-major. A sum has one order, whatever the number of threads.</summary>
internal static class Dense
{
    /// <summary>Rows and columns of a tile that is turned: two of them are 64 KB.</summary>
    private const int Tile = 64;

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

    /// <summary>Writes what stands below the diagonal of a matrix [n, n] above it.</summary>
    public static void MirrorLower(double[] matrix, int n) => EachBelow(n, (i, j) => matrix[(j * n) + i] = matrix[(i * n) + j]);

    /// <summary>Writes what stands above the diagonal of a matrix [n, n] below it.</summary>
    public static void MirrorUpper(double[] matrix, int n) => EachBelow(n, (i, j) => matrix[(i * n) + j] = matrix[(j * n) + i]);

    private static void EachBelow(int n, Action<int, int> move) => RowBlocks.For(n, Tile, 0, (first, end) =>
    {
        for (var column = 0; column < end; column += Tile)
        {
            for (var i = first; i < end; i++)
            {
                for (var j = column; j < Math.Min(i, column + Tile); j++) move(i, j);
            }
        }
    });
}
