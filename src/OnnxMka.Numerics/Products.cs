using System.Numerics;

namespace OnnxMka.Numerics;

/// <summary>Which terms of a right vector j can be other than zero.</summary>
internal enum Terms
{
    All,

    /// <summary>0..j: B is the turned lower half of a matrix.</summary>
    UpToDiagonal,

    /// <summary>j and what follows: B is the lower half of a matrix.</summary>
    FromDiagonal,
}

/// <summary>
/// Matrix products in float64 or float32, in tiles. An entry is a sum over <see cref="Panels.Depth"/> terms at a time, in order, and
/// belongs to one thread: the same bits on any number of threads.
/// </summary>
internal static unsafe class Products
{
    private const int RowPanels = 16; // of a task: 128 rows
    private const int ColumnPanels = 8; // of a task: 192 or 384 columns, 393 KB of panels, within a second-level cache

    /// <summary>Target (+)= sign A'B.</summary>
    /// <param name="target">A matrix in rows of <paramref name="pitch"/>, from entry <paramref name="start"/> on.</param>
    /// <param name="left">Panels of <see cref="Tile.Rows"/>: rows of the target.</param>
    /// <param name="right">Panels of <see cref="Tile.Columns"/>: its columns.</param>
    /// <param name="keep">Whether what stands in the target stays in the sum.</param>
    /// <param name="lower">Entries above the diagonal of the target are neither read nor written.</param>
    public static void Write<T>(
        T[] target,
        int start,
        int pitch,
        Panels<T> left,
        Panels<T> right,
        T sign,
        bool keep,
        bool lower = false,
        Terms terms = Terms.All)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (down, across) = ((left.Length + RowPanels - 1) / RowPanels, (right.Length + ColumnPanels - 1) / ColumnPanels);
        RowBlocks.For(down * across, 1, 0, (task, _) =>
        {
            // The longest rows of a lower half first: what is short fills up the end.
            var (row, column) = ((down - 1 - (task / across)) * RowPanels, task % across * ColumnPanels);
            fixed (T* t = &target[start])
                Block(t, pitch, left, right, row, column, sign, keep, lower, terms);
        });
    }

    private static void Block<T>(
        T* target, nint pitch, Panels<T> left, Panels<T> right, int row, int column, T sign, bool keep, bool lower, Terms terms)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var wide = Tile.Columns<T>();
        var edge = stackalloc T[Tile.Rows * wide];
        for (var p = row; p < Math.Min(left.Length, row + RowPanels); p++)
        {
            for (var q = column; q < Math.Min(right.Length, column + ColumnPanels); q++)
            {
                var (i, j) = (p * Tile.Rows, q * wide);
                if (lower && j > i + Tile.Rows - 1) break;
                var first = terms == Terms.FromDiagonal ? Math.Min(j, left.Terms) : 0;
                var end = terms == Terms.UpToDiagonal ? Math.Min(j + wide, left.Terms) : left.Terms;
                T* a = left[p] + (first * Tile.Rows), b = right[q] + (first * wide), to = target + (i * pitch) + j;
                var (rows, columns) = (Math.Min(Tile.Rows, left.Count - i), Math.Min(wide, right.Count - j));
                if (rows == Tile.Rows && columns == wide && (!lower || j + wide - 1 <= i))
                {
                    Tile.Write(a, b, end - first, to, pitch, sign, keep);
                    continue;
                }

                Tile.Write(a, b, end - first, edge, wide, sign, false);
                for (var r = 0; r < rows; r++)
                {
                    var count = lower ? Math.Min(columns, i + r - j + 1) : columns;
                    for (var c = 0; c < count; c++)
                    {
                        var value = edge[(r * wide) + c];
                        to[(r * pitch) + c] = keep ? to[(r * pitch) + c] + value : value;
                    }
                }
            }
        }
    }
}
