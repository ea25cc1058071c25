namespace OnnxMka.Numerics;

/// <summary>
/// The one-to-one assignment of rows to columns with the largest sum (Kuhn-Munkres, by shortest augmenting paths): O(n^3) at worst.
/// </summary>
internal static class Assignment
{
    /// <summary>Column of each row.</summary>
    /// <param name="scores">[n, n], finite.</param>
    public static int[] Largest(double[] scores, int n)
    {
        // Potentials u, v hold u_i + v_j <= -score_ij, with equality on the pairs taken. Row and column n stand for "none".
        var (u, v) = (new double[n + 1], new double[n + 1]);
        var rowOf = new int[n + 1];
        Array.Fill(rowOf, n);
        var (before, least, done) = (new int[n + 1], new double[n + 1], new bool[n + 1]);
        for (var row = 0; row < n; row++)
        {
            rowOf[n] = row;
            var column = n;
            Array.Fill(least, double.PositiveInfinity);
            Array.Clear(done);
            while (rowOf[column] != n)
            {
                done[column] = true;
                column = Extend(scores, n, rowOf[column], column, u, v, rowOf, before, least, done);
            }

            while (column != n)
            {
                rowOf[column] = rowOf[before[column]];
                column = before[column];
            }

            rowOf[n] = n;
        }

        var columnOf = new int[n];
        for (var column = 0; column < n; column++) columnOf[rowOf[column]] = column;
        return columnOf;
    }

    /// <summary>Lowers the reduced costs around the tree until one more column joins it, and returns that column.</summary>
    private static int Extend(
        double[] scores, int n, int row, int column, double[] u, double[] v, int[] rowOf, int[] before, double[] least, bool[] done)
    {
        var (delta, next) = (double.PositiveInfinity, -1);
        for (var j = 0; j < n; j++)
        {
            if (done[j]) continue;
            var reduced = -scores[(row * n) + j] - u[row] - v[j];
            if (reduced < least[j]) (least[j], before[j]) = (reduced, column);
            if (least[j] < delta) (delta, next) = (least[j], j);
        }

        for (var j = 0; j <= n; j++)
        {
            if (done[j]) (u[rowOf[j]], v[j]) = (u[rowOf[j]] + delta, v[j] - delta);
            else least[j] -= delta;
        }

        return next;
    }
}
