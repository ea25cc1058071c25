using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>
/// What is left while neurons are removed (<see cref="NeuronRemoval"/>): the lower halves of C and M as they were before the current
/// panel, the panel, and both diagonals as they are now. Rows and columns of those that went are closed up from time to time.
/// </summary>
internal sealed class RemovalState
{
    private readonly double[] _inverse; // C [n, n]
    private readonly double[] _products; // M [n, n]
    private readonly double[] _panel; // U, V and U again: [3, depth, n]
    private readonly double[] _inverseDiagonal; // [n], not a number for those that went
    private readonly double[] _productDiagonal; // [n]
    private readonly int[] _neurons; // [n], ascending
    private readonly int _depth;
    private readonly Panels<double> _left = Panels.Left<double>();
    private readonly Panels<double> _right = Panels.Right<double>();
    private int _n;
    private int _gone; // of the n
    private int _held; // removals in the panel

    /// <param name="gram">G [width, width], positive definite, its lower half; written over.</param>
    /// <param name="weight">W [width, outputs].</param>
    /// <param name="depth">Removals of a panel.</param>
    public RemovalState(double[] gram, double[] weight, int width, int outputs, int depth)
    {
        (_n, _depth, _inverse) = (width, depth, gram);
        _products = InverseFactor(gram, width);
        WriteRowProducts(_products, width, width, _inverse, triangular: true);
        WriteRowProducts(weight, width, outputs, _products, triangular: false);
        (_inverseDiagonal, _productDiagonal) = (Diagonal(_inverse, width), Diagonal(_products, width));
        _panel = new double[checked(3 * depth * width)];
        _neurons = [.. Enumerable.Range(0, width)];
    }

    /// <summary>Removes the neuron of least loss.</summary>
    public (int Neuron, double Loss) Remove()
    {
        if (_held == _depth) Flush();
        var (j, least) = (-1, double.PositiveInfinity);
        for (var i = 0; i < _n; i++)
        {
            var loss = _productDiagonal[i] / _inverseDiagonal[i];
            if (loss < least) (j, least) = (i, loss);
        }

        if (j < 0) throw NeuronRemoval.Indefinite();
        var neuron = _neurons[j];
        var u = Row(_held);
        var v = Row(_depth + _held);
        var root = Math.Sqrt(_inverseDiagonal[j]);
        Column(_inverse, j, u);
        Column(_products, j, v);
        for (var t = 0; t < _held; t++)
        {
            var s = Row(t);
            var w = Row(_depth + t);
            TensorPrimitives.MultiplyAdd(s, -s[j], u, u);
            TensorPrimitives.MultiplyAdd(s, -w[j], v, v);
            TensorPrimitives.MultiplyAdd(w, -s[j], v, v);
        }

        TensorPrimitives.Divide(u, root, u);
        TensorPrimitives.Divide(v, root, v);
        TensorPrimitives.MultiplyAdd(u, -least / 2, v, v);
        u.CopyTo(Row((2 * _depth) + _held));
        for (var i = 0; i < _n; i++)
        {
            _inverseDiagonal[i] -= u[i] * u[i];
            _productDiagonal[i] = Math.Max(0, _productDiagonal[i] - (2 * u[i] * v[i]));
        }

        _inverseDiagonal[j] = double.NaN; // never the least again
        _held++;
        _gone++;
        return (neuron, least);
    }

    private Span<double> Row(int t) => _panel.AsSpan(t * _n, _n);

    /// <summary>Column j of a symmetric matrix of which the lower half is known.</summary>
    private void Column(double[] matrix, int j, Span<double> column)
    {
        matrix.AsSpan(j * _n, j + 1).CopyTo(column);
        for (var i = j + 1; i < _n; i++) column[i] = matrix[(i * _n) + j];
    }

    /// <summary>Takes the panel off both matrices.</summary>
    private void Flush()
    {
        _left.TakeColumns(_panel, _n, 0, _depth, 0, _n);
        _right.TakeColumns(_panel, _n, 0, _depth, 0, _n);
        Products.Write(_inverse, 0, _n, _left, _right, -1, keep: true, lower: true);
        _left.TakeColumns(_panel, _n, 0, 2 * _depth, 0, _n);
        _right.TakeColumns(_panel, _n, _depth, 2 * _depth, 0, _n);
        Products.Write(_products, 0, _n, _left, _right, -1, keep: true, lower: true);
        _held = 0;
        if (8 * _gone >= _n) CloseUp();
    }

    /// <summary>Moves rows and columns of those that are left together.</summary>
    private void CloseUp()
    {
        var left = Enumerable.Range(0, _n).Where(i => !double.IsNaN(_inverseDiagonal[i])).ToArray();
        for (var i = 0; i < left.Length; i++)
        {
            for (var j = 0; j <= i; j++) // never behind where it is read
            {
                _inverse[(i * left.Length) + j] = _inverse[(left[i] * _n) + left[j]];
                _products[(i * left.Length) + j] = _products[(left[i] * _n) + left[j]];
            }

            _inverseDiagonal[i] = _inverseDiagonal[left[i]];
            _productDiagonal[i] = _productDiagonal[left[i]];
            _neurons[i] = _neurons[left[i]];
        }

        (_n, _gone) = (left.Length, 0);
    }

    /// <summary>The turned inverse of the factor L of a matrix, [n, n]: row i begins at column i. The matrix is written over.</summary>
    private static double[] InverseFactor(double[] matrix, int n)
    {
        var factor = Cholesky.Of(matrix, n) ?? throw NeuronRemoval.Indefinite();
        var inverse = new double[checked(n * n)];
        for (var first = 0; first < n; first += Panels.Depth)
        {
            var rows = new double[checked(Math.Min(Panels.Depth, n - first) * n)];
            for (var i = first; i < Math.Min(first + Panels.Depth, n); i++) rows[((i - first) * n) + i] = 1;
            factor.Forward(rows, first);
            rows.CopyTo(inverse, first * n);
        }

        return inverse;
    }

    /// <summary>Writes the lower half of the products of a matrix [n, k] and itself, turned.</summary>
    /// <param name="triangular">Row i of the matrix begins at column i.</param>
    private void WriteRowProducts(double[] matrix, int n, int k, double[] target, bool triangular)
    {
        Array.Clear(target);
        for (var first = 0; first < k; first += Panels.Depth)
        {
            var terms = Math.Min(Panels.Depth, k - first);
            var rows = triangular ? first + terms : n;
            _left.TakeRows(matrix, k, 0, rows, first, terms);
            _right.TakeRows(matrix, k, 0, rows, first, terms);
            Products.Write(target, 0, n, _left, _right, 1, keep: true, lower: true);
        }
    }

    private static double[] Diagonal(double[] matrix, int n) => [.. Enumerable.Range(0, n).Select(i => matrix[(i * n) + i])];
}
