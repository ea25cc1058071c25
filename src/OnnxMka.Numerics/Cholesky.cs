using System.Numerics;
using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>
/// <c>A = L L'</c> for a symmetric positive definite matrix, and solves with it, by blocks: what stands behind a block is lessened by one
/// matrix product, and the triangles on the diagonal are inverted, so that nearly all work is products (<see cref="Products"/>). The same
/// bits on any number of threads.
/// </summary>
internal sealed class Cholesky
{
    private const int Block = Panels.Depth;

    private readonly double[] _factor; // [n, n], the lower half with the diagonal
    private readonly double[] _inverses; // of the triangles on the diagonal: [n, Block], row i from the first column of its block on
    private readonly int _n;
    private readonly Panels<double> _left = Panels.Left<double>();
    private readonly Panels<double> _right = Panels.Right<double>();

    private Cholesky(double[] matrix, int n) => (_factor, _n, _inverses) = (matrix, n, new double[checked(n * Math.Min(n, Block))]);

    private int Pitch => Math.Min(_n, Block);

    /// <summary>Bytes beside the matrix.</summary>
    public static long Bytes(long n) => 3 * sizeof(double) * n * Math.Min(n, Block);

    /// <summary>The factor, in the memory of the matrix; null where it is not positive definite in float64.</summary>
    /// <param name="matrix">[n, n], of which the lower half is read, and written over. What is above the diagonal stays.</param>
    public static Cholesky? Of(double[] matrix, int n)
    {
        var cholesky = new Cholesky(matrix, n);
        return cholesky.Factorise() ? cholesky : null;
    }

    /// <summary>Entry of L, 0 above the diagonal.</summary>
    public double this[int i, int j] => j > i ? 0 : _factor[(i * _n) + j];

    /// <summary>Solutions of <c>A x = b</c> in the place of right sides.</summary>
    /// <param name="rights">[m, n], one right side a row.</param>
    public void Solve(double[] rights)
    {
        Forward(rights, 0);
        Backward(rights);
    }

    /// <summary>Solutions of <c>L z = b</c> in the place of right sides, whose first <paramref name="from"/> terms are zero.</summary>
    /// <param name="rights">[m, n], one right side a row.</param>
    /// <param name="from">A multiple of the block.</param>
    public void Forward(double[] rights, int from) => Forward(rights, from, _left, _right);

    /// <summary>The same in float32, but for the factor.</summary>
    public void Forward(float[] rights) => Forward(rights, 0, Panels.Left<float>(), Panels.Right<float>());

    /// <summary>Solutions of <c>L' x = z</c> in the place of right sides.</summary>
    /// <param name="rights">[m, n], one right side a row.</param>
    public void Backward(double[] rights)
    {
        var m = rights.Length / _n;
        for (var p = (_n - 1) / Block * Block; p >= 0; p -= Block)
        {
            var count = Math.Min(Block, _n - p);
            _left.TakeRows(rights, _n, 0, m, p, count);
            _right.TakeColumns(_inverses, Pitch, p, count, 0, count);
            Products.Write(rights, p, _n, _left, _right, 1, keep: false, terms: Terms.FromDiagonal);
            if (p == 0) break;
            _left.TakeRows(rights, _n, 0, m, p, count);
            _right.TakeColumns(_factor, _n, p, count, 0, p);
            Products.Write(rights, 0, _n, _left, _right, -1, keep: true);
        }
    }

    /// <summary>The diagonal of the inverse of A: squared norms of the columns of L's inverse, a block of them at a time.</summary>
    public double[] InverseDiagonal()
    {
        var diagonal = new double[_n];
        for (var p = 0; p < _n; p += Block)
        {
            var count = Math.Min(Block, _n - p);
            var columns = new double[checked(count * _n)]; // of the inverse of L, one a row
            for (var j = 0; j < count; j++) columns[(j * _n) + p + j] = 1;
            Forward(columns, p);
            for (var j = 0; j < count; j++) diagonal[p + j] = TensorPrimitives.SumOfSquares<double>(columns.AsSpan((j * _n) + p, _n - p));
        }

        return diagonal;
    }

    private void Forward<T>(T[] rights, int from, Panels<T> left, Panels<T> right)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var m = rights.Length / _n;
        for (var p = from; p < _n; p += Block)
        {
            var (count, end) = (Math.Min(Block, _n - p), Math.Min(_n, p + Block));
            left.TakeRows(rights, _n, 0, m, p, count);
            right.TakeRows(_inverses, Pitch, p, count, 0, count);
            Products.Write(rights, p, _n, left, right, T.One, keep: false, terms: Terms.UpToDiagonal);
            if (end == _n) break;
            left.TakeRows(rights, _n, 0, m, p, count);
            right.TakeRows(_factor, _n, end, _n - end, p, count);
            Products.Write(rights, end, _n, left, right, -T.One, keep: true);
        }
    }

    private bool Factorise()
    {
        for (var p = 0; p < _n; p += Block)
        {
            var (count, end) = (Math.Min(Block, _n - p), Math.Min(_n, p + Block));
            if (!Triangle(p, count)) return false;
            Invert(p, count);
            if (end == _n) break;
            var below = end * _n;
            _left.TakeRows(_factor, _n, end, _n - end, p, count);
            _right.TakeRows(_inverses, Pitch, p, count, 0, count);
            Products.Write(_factor, below + p, _n, _left, _right, 1, keep: false, terms: Terms.UpToDiagonal);
            _left.TakeRows(_factor, _n, end, _n - end, p, count);
            _right.TakeRows(_factor, _n, end, _n - end, p, count);
            Products.Write(_factor, below + end, _n, _left, _right, -1, keep: true, lower: true);
        }

        return true;
    }

    /// <summary>The triangle on the diagonal, row by row.</summary>
    private bool Triangle(int first, int count)
    {
        for (var i = first; i < first + count; i++)
        {
            var row = _factor.AsSpan((i * _n) + first, i - first + 1);
            for (var j = 0; j < row.Length - 1; j++)
            {
                var other = _factor.AsSpan(((first + j) * _n) + first, j + 1);
                row[j] = (row[j] - TensorPrimitives.Dot<double>(row[..j], other[..j])) / other[j];
            }

            var pivot = row[^1] - TensorPrimitives.SumOfSquares<double>(row[..^1]);
            if (!(pivot > 0) || !double.IsFinite(pivot)) return false;
            row[^1] = Math.Sqrt(pivot);
        }

        return true;
    }

    /// <summary>Row i of the inverse X: <c>X_i = (e_i - sum over j below i of L_ij X_j) / L_ii</c>.</summary>
    private void Invert(int first, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var row = _inverses.AsSpan((first + i) * Pitch, count);
            row.Clear();
            var factor = _factor.AsSpan(((first + i) * _n) + first, i + 1);
            for (var j = 0; j < i; j++)
            {
                TensorPrimitives.MultiplyAdd<double>(
                    _inverses.AsSpan((first + j) * Pitch, j + 1), -factor[j], row[..(j + 1)], row[..(j + 1)]);
            }

            row[i] = 1;
            TensorPrimitives.Divide<double>(row[..(i + 1)], factor[i], row[..(i + 1)]);
        }
    }
}
