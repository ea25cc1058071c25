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
/// Matrix products in float64, in tiles. An entry is a sum over <see cref="Panels.Depth"/> terms at a time, in order, and belongs to one
/// thread: the same bits on any number of threads.
/// </summary>
internal static unsafe class Products
{
    private const int RowPanels = 16; // of a task: 128 rows
    private const int ColumnPanels = 8; // of a task: 192 columns, 393 KB of panels, within a second-level cache

    /// <summary>Target (+)= sign A'B.</summary>
    /// <param name="target">A matrix in rows of <paramref name="pitch"/>, from entry <paramref name="start"/> on.</param>
    /// <param name="left">Panels of <see cref="Tile.Rows"/>: rows of the target.</param>
    /// <param name="right">Panels of <see cref="Tile.Columns"/>: its columns.</param>
    /// <param name="keep">Whether what stands in the target stays in the sum.</param>
    /// <param name="lower">Entries above the diagonal of the target are neither read nor written.</param>
    public static void Write(
        double[] target,
        int start,
        int pitch,
        Panels left,
        Panels right,
        double sign,
        bool keep,
        bool lower = false,
        Terms terms = Terms.All)
    {
        var (down, across) = ((left.Length + RowPanels - 1) / RowPanels, (right.Length + ColumnPanels - 1) / ColumnPanels);
        RowBlocks.For(down * across, 1, 0, (task, _) =>
        {
            // The longest rows of a lower half first: what is short fills up the end.
            var (row, column) = ((down - 1 - (task / across)) * RowPanels, task % across * ColumnPanels);
            fixed (double* t = &target[start])
                Block(t, pitch, left, right, row, column, sign, keep, lower, terms);
        });
    }

    private static void Block(
        double* target, nint pitch, Panels left, Panels right, int row, int column, double sign, bool keep, bool lower, Terms terms)
    {
        var edge = stackalloc double[Tile.Rows * Tile.Columns];
        for (var p = row; p < Math.Min(left.Length, row + RowPanels); p++)
        {
            for (var q = column; q < Math.Min(right.Length, column + ColumnPanels); q++)
            {
                var (i, j) = (p * Tile.Rows, q * Tile.Columns);
                if (lower && j > i + Tile.Rows - 1) break;
                var first = terms == Terms.FromDiagonal ? Math.Min(j, left.Terms) : 0;
                var end = terms == Terms.UpToDiagonal ? Math.Min(j + Tile.Columns, left.Terms) : left.Terms;
                double* a = left[p] + (first * Tile.Rows), b = right[q] + (first * Tile.Columns), to = target + (i * pitch) + j;
                var (rows, columns) = (Math.Min(Tile.Rows, left.Count - i), Math.Min(Tile.Columns, right.Count - j));
                if (rows == Tile.Rows && columns == Tile.Columns && (!lower || j + Tile.Columns - 1 <= i))
                {
                    Tile.Write(a, b, end - first, to, pitch, sign, keep);
                    continue;
                }

                Tile.Write(a, b, end - first, edge, Tile.Columns, sign, false);
                for (var r = 0; r < rows; r++)
                {
                    var count = lower ? Math.Min(columns, i + r - j + 1) : columns;
                    for (var c = 0; c < count; c++)
                    {
                        var value = edge[(r * Tile.Columns) + c];
                        to[(r * pitch) + c] = keep ? to[(r * pitch) + c] + value : value;
                    }
                }
            }
        }
    }
}
