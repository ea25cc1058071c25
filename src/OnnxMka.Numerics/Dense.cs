using System.Numerics;

namespace OnnxMka.Numerics;

/// <summary>
/// Products and copies of dense matrices in float64 or float32, row-major. A sum has one order, whatever the number of threads.
/// </summary>
internal static class Dense
{
    /// <summary>Rows and columns of a tile that is turned: two of them are 64 KB.</summary>
    private const int Side = 64;

    /// <summary>[n, k] times [k, m].</summary>
    /// <param name="product">Takes the product; null for new memory.</param>
    public static T[] Multiply<T>(T[] left, T[] right, int n, int k, int m, T[]? product = null)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Sum(
        product ?? new T[checked(n * m)],
        k,
        m,
        (panels, first, terms) => panels.TakeRows(left, k, 0, n, first, terms),
        (panels, first, terms) => panels.TakeColumns(right, m, first, terms, 0, m));

    /// <summary>[n, k] times [m, k] turned.</summary>
    public static double[] MultiplyTurned(double[] left, double[] right, int n, int k, int m) => Sum(
        new double[checked(n * m)],
        k,
        m,
        (panels, first, terms) => panels.TakeRows(left, k, 0, n, first, terms),
        (panels, first, terms) => panels.TakeRows(right, k, 0, m, first, terms));

    /// <summary>[k, n] turned, times [k, m].</summary>
    public static T[] TurnedMultiply<T>(T[] left, T[] right, int n, int k, int m)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Sum(
        new T[checked(n * m)],
        k,
        m,
        (panels, first, terms) => panels.TakeColumns(left, n, first, terms, 0, n),
        (panels, first, terms) => panels.TakeColumns(right, m, first, terms, 0, m));

    /// <summary>[k, n] turned, times [k, n], in float64: the lower half [n, n].</summary>
    public static double[] TurnedLower<T>(T[] left, T[] right, int k, int n)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => Sum<double>(
        new double[checked(n * n)],
        k,
        n,
        (panels, first, terms) => panels.TakeColumns(left, n, first, terms, 0, n),
        (panels, first, terms) => panels.TakeColumns(right, n, first, terms, 0, n),
        lower: true);

    /// <summary>The product of a matrix [k, n], turned, and itself, in float64: [n, n], both halves.</summary>
    public static double[] Gram<T>(T[] matrix, int k, int n)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var gram = TurnedLower(matrix, matrix, k, n);
        MirrorLower(gram, n);
        return gram;
    }

    /// <summary>The product of a matrix [n, k] and itself, turned: [n, n], its lower half.</summary>
    public static double[] RowGram(double[] matrix, int n, int k)
    {
        void Rows(Panels<double> panels, int first, int terms) => panels.TakeRows(matrix, k, 0, n, first, terms);
        return Sum<double>(new double[checked(n * n)], k, n, Rows, Rows, lower: true);
    }

    /// <summary>[n, m] as [m, n].</summary>
    public static double[] Transpose(ReadOnlySpan<double> matrix, int n, int m)
    {
        var transposed = new double[matrix.Length];
        for (var top = 0; top < n; top += Side)
        {
            for (var left = 0; left < m; left += Side)
            {
                for (var i = top; i < Math.Min(n, top + Side); i++)
                {
                    for (var j = left; j < Math.Min(m, left + Side); j++) transposed[(j * n) + i] = matrix[(i * m) + j];
                }
            }
        }

        return transposed;
    }

    /// <summary>Writes what stands below the diagonal of a matrix [n, n] above it.</summary>
    public static void MirrorLower(double[] matrix, int n) => EachBelow(n, (i, j) => matrix[(j * n) + i] = matrix[(i * n) + j]);

    /// <summary>Writes what stands above the diagonal of a matrix [n, n] below it.</summary>
    public static void MirrorUpper(double[] matrix, int n) => EachBelow(n, (i, j) => matrix[(i * n) + j] = matrix[(j * n) + i]);

    private static void EachBelow(int n, Action<int, int> move) => RowBlocks.For(n, Side, 0, (first, end) =>
    {
        for (var column = 0; column < end; column += Side)
        {
            for (var i = first; i < end; i++)
            {
                for (var j = column; j < Math.Min(i, column + Side); j++) move(i, j);
            }
        }
    });

    /// <summary>Adds up products of so many terms at a time.</summary>
    /// <param name="left">Takes terms of the vectors that are the product's rows: the first of them, and how many.</param>
    /// <param name="right">The same for its columns.</param>
    private static T[] Sum<T>(
        T[] product, int k, int m, Action<Panels<T>, int, int> left, Action<Panels<T>, int, int> right, bool lower = false)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var (a, b) = (Panels.Left<T>(), Panels.Right<T>());
        for (var first = 0; first < k; first += Panels.Depth)
        {
            var terms = Math.Min(Panels.Depth, k - first);
            left(a, first, terms);
            right(b, first, terms);
            Products.Write(product, 0, m, a, b, T.One, first > 0, lower);
        }

        return product;
    }
}
