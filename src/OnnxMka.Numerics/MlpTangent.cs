using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>
/// How the outputs of a gated MLP move with its weights. With <c>a = h Gate</c>, <c>u = h Up</c>, <c>Q = s(a)</c>, <c>P = s'(a) u</c> and
/// <c>f = Q u</c>, element by element,
/// <code>
/// J(dGate, dUp, dDown) = ((h dGate) P + (h dUp) Q) Down + f dDown
/// J'(E) = h'(e P), h'(e Q), f'E    with e = E Down'
/// </code>
/// Rows go by in blocks; a and u are kept in float32, all else is made from them again.
/// </summary>
internal sealed class MlpTangent
{
    private const int BlockRows = 4 * Panels.Depth;
    private const int RowsAtOnce = 8; // for one thread

    private readonly float[] _inputs; // h [N, hidden]
    private readonly float[] _gates; // a [N, width]
    private readonly float[] _ups; // u [N, width]
    private readonly int _hidden;
    private readonly int _width;
    private readonly GateActivation _activation;
    private readonly double[] _down; // [width, hidden]
    private readonly double[] _downTurned; // [hidden, width]
    private readonly Panels<double> _left = Panels.Left<double>();
    private readonly Panels<double> _right = Panels.Right<double>();

    // Of one block.
    private readonly double[] _h; // [rows, hidden]
    private readonly double[] _f; // [rows, width], as all below
    private readonly double[] _p;
    private readonly double[] _q;
    private readonly double[] _x;
    private readonly double[] _y;
    private readonly double[] _e; // [rows, hidden]
    private readonly double[] _more; // [rows, hidden]

    /// <param name="inputs">h [N, hidden].</param>
    public MlpTangent(float[] inputs, GatedMlp weights, int hidden, GateActivation activation)
    {
        (_inputs, _hidden, _width, _activation) = (inputs, hidden, weights.Down.Length / hidden, activation);
        (Rows, _down) = (inputs.Length / hidden, weights.Down);
        _downTurned = Dense.Transpose(_down, _width, hidden);
        (_gates, _ups) = (new float[checked(Rows * _width)], new float[checked(Rows * _width)]);
        var (narrow, wide) = (Math.Min(Rows, BlockRows) * hidden, Math.Min(Rows, BlockRows) * _width);
        (_h, _e, _more) = (new double[narrow], new double[narrow], new double[narrow]);
        (_f, _p, _q, _x, _y) = (new double[wide], new double[wide], new double[wide], new double[wide], new double[wide]);
        for (var first = 0; first < Rows; first += BlockRows)
        {
            var rows = TakeInputs(first);
            TakeImages(weights.Gate, rows, _gates.AsSpan(first * _width, rows * _width));
            TakeImages(weights.Up, rows, _ups.AsSpan(first * _width, rows * _width));
        }
    }

    /// <summary>N</summary>
    public int Rows { get; }

    /// <summary>Bytes beside inputs and weights.</summary>
    public static long Bytes(long rows, long hidden, long width) =>
        (2 * sizeof(float) * rows * width) +
        (sizeof(double) * ((hidden * width) + (Math.Min(rows, BlockRows) * ((3 * hidden) + (5 * width))) + (Panels.Depth * 2 * width)));

    /// <summary>f Down [N, hidden]: what the MLP gives.</summary>
    public double[] Outputs() => EachBlock((rows, _) => Dense.Multiply(_f, _down, rows, _width, _hidden, _e));

    /// <summary>J of a change [N, hidden].</summary>
    public double[] Image(GatedMlp change) => EachBlock((rows, _) => TakeImage(change, rows));

    /// <summary>J' of errors [N, hidden].</summary>
    public void Turned(float[] errors, GatedMlp sum)
    {
        sum.Clear();
        EachBlock((rows, first) =>
        {
            TensorPrimitives.ConvertTruncating<float, double>(errors.AsSpan(first * _hidden, rows * _hidden), _e);
            AddTurned(rows, sum);
        });
    }

    /// <summary>J' of J of a change.</summary>
    public void Normal(GatedMlp change, GatedMlp sum)
    {
        sum.Clear();
        EachBlock((rows, _) =>
        {
            TakeImage(change, rows);
            AddTurned(rows, sum);
        });
    }

    /// <summary>
    /// h'h [hidden, hidden] and f'f [width, width], their lower halves, and the sums of P^2 and of Q^2 over rows [width].
    /// </summary>
    public (double[] Inputs, double[] Features, double[] Gates, double[] Ups) Squares()
    {
        var (inputs, features) = (new double[checked(_hidden * _hidden)], new double[checked(_width * _width)]);
        var (gates, ups) = (new double[_width], new double[_width]);
        EachBlock((rows, _) =>
        {
            AddProduct(_h, _h, rows, _hidden, _hidden, inputs, lower: true);
            AddProduct(_f, _f, rows, _width, _width, features, lower: true);
            for (var t = 0; t < rows; t++)
            {
                var (p, q) = (_p.AsMemory(t * _width, _width), _q.AsMemory(t * _width, _width));
                TensorPrimitives.MultiplyAdd<double>(p.Span, p.Span, gates, gates);
                TensorPrimitives.MultiplyAdd<double>(q.Span, q.Span, ups, ups);
            }
        });
        return (inputs, features, gates, ups);
    }

    private double[] EachBlock(Func<int, int, double[]> result)
    {
        var all = new double[checked(Rows * _hidden)];
        EachBlock((rows, first) => { result(rows, first).AsSpan(0, rows * _hidden).CopyTo(all.AsSpan(first * _hidden)); });
        return all;
    }

    /// <summary>Blocks in order: how many rows it has, and its first.</summary>
    private void EachBlock(Action<int, int> body)
    {
        for (var first = 0; first < Rows; first += BlockRows)
        {
            var rows = TakeInputs(first);
            TakeFeatures(first, rows);
            body(rows, first);
        }
    }

    private int TakeInputs(int first)
    {
        var rows = Math.Min(BlockRows, Rows - first);
        TensorPrimitives.ConvertTruncating<float, double>(_inputs.AsSpan(first * _hidden, rows * _hidden), _h);
        return rows;
    }

    private void TakeImages(double[] weight, int rows, Span<float> images)
    {
        Dense.Multiply(_h, weight, rows, _hidden, _width, _x);
        TensorPrimitives.ConvertTruncating<double, float>(_x.AsSpan(0, images.Length), images);
    }

    private void TakeFeatures(int first, int rows) => RowBlocks.For(rows, RowsAtOnce, 0, (start, end) =>
    {
        for (var k = start * _width; k < end * _width; k++)
        {
            double a = _gates[(first * _width) + k], u = _ups[(first * _width) + k];
            _q[k] = _activation.Value(a);
            _p[k] = _activation.Slope(a) * u;
            _f[k] = _q[k] * u;
        }
    });

    /// <summary>J of a change, of this block.</summary>
    private double[] TakeImage(GatedMlp change, int rows)
    {
        var wide = rows * _width;
        Dense.Multiply(_h, change.Gate, rows, _hidden, _width, _x);
        Dense.Multiply(_h, change.Up, rows, _hidden, _width, _y);
        TensorPrimitives.Multiply<double>(_x.AsSpan(0, wide), _p.AsSpan(0, wide), _x);
        TensorPrimitives.MultiplyAdd<double>(_y.AsSpan(0, wide), _q.AsSpan(0, wide), _x.AsSpan(0, wide), _x);
        Dense.Multiply(_x, _down, rows, _width, _hidden, _e);
        Dense.Multiply(_f, change.Down, rows, _width, _hidden, _more);
        TensorPrimitives.Add<double>(_e, _more, _e);
        return _e;
    }

    /// <summary>J' of the errors of this block.</summary>
    private void AddTurned(int rows, GatedMlp sum)
    {
        var wide = rows * _width;
        AddProduct(_f, _e, rows, _width, _hidden, sum.Down);
        Dense.Multiply(_e, _downTurned, rows, _hidden, _width, _x);
        TensorPrimitives.Multiply<double>(_x.AsSpan(0, wide), _p.AsSpan(0, wide), _y);
        AddProduct(_h, _y, rows, _hidden, _width, sum.Gate);
        TensorPrimitives.Multiply<double>(_x.AsSpan(0, wide), _q.AsSpan(0, wide), _y);
        AddProduct(_h, _y, rows, _hidden, _width, sum.Up);
    }

    /// <summary>Adds a matrix [rows, n], turned, times one [rows, m].</summary>
    private void AddProduct(double[] left, double[] right, int rows, int n, int m, double[] sum, bool lower = false)
    {
        for (var first = 0; first < rows; first += Panels.Depth)
        {
            var terms = Math.Min(Panels.Depth, rows - first);
            _left.TakeColumns(left, n, first, terms, 0, n);
            _right.TakeColumns(right, m, first, terms, 0, m);
            Products.Write(sum, 0, m, _left, _right, 1, keep: true, lower);
        }
    }
}
