using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>
/// Least squares in the dual form, <c>D = X' (X X' + a I)^-1 R</c>, by the rows themselves: for fewer rows than X has columns. The same map
/// as that of the sums, without a matrix of the columns' size.
/// </summary>
internal sealed class RowEquations : LeastSquares
{
    private readonly double[] _x; // [room, inputs]
    private readonly double[] _r; // [room, outputs]
    private readonly double[] _scales; // [room]
    private int _rows;
    private bool _isTaken;

    /// <param name="rows">Rows that will be added, at most.</param>
    /// <param name="inputs">Columns of X.</param>
    /// <param name="outputs">Columns of R.</param>
    public RowEquations(int rows, int inputs, int outputs)
        : base(inputs, outputs) =>
        (_x, _r, _scales) = (new double[checked(rows * inputs)], new double[checked(rows * outputs)], new double[rows]);

    /// <summary>Bytes that are held at once to solve them: both sides, X X', a solution of the rows and a map.</summary>
    public static long RowBytes(long rows, long inputs, long outputs) =>
        (sizeof(double) * ((rows * (inputs + (3 * outputs) + rows)) + (inputs * (outputs + (2 * Panels.Depth))))) + Cholesky.Bytes(rows);

    public override Func<double, double[]?> Solver(bool centred)
    {
        Take(centred);
        var solver = new RidgeSolver(Dense.RowGram(_x, _rows, Inputs), _rows, Inputs);
        var right = Dense.Transpose(_r.AsSpan(0, _rows * Outputs), _rows, Outputs);
        double[]? map = null;
        return ridge => solver.Solve(right, ridge) is { } shares ? map = Dense.Multiply(shares, _x, Outputs, _rows, Inputs, map) : null;
    }

    /// <summary>By M = XW, which is small: the sums of its columns.</summary>
    public override Func<double, double[]?> Solver(bool centred, double[] basis, int width)
    {
        Take(centred);
        var images = Dense.Multiply(_x, basis, _rows, Inputs, width);
        var right = Dense.TurnedMultiply(_r, images, Outputs, _rows, width);
        var solver = new RidgeSolver(Dense.Gram(images, _rows, width), width);
        return ridge => solver.Solve(right, ridge) is { } map ? Dense.MultiplyTurned(map, basis, Outputs, width, Inputs) : null;
    }

    protected override (Memory<double> Inputs, Memory<double> Outputs) Place() => _isTaken
        ? throw new InvalidOperationException("the equations were solved")
        : (_x.AsMemory(_rows * Inputs, Inputs), _r.AsMemory(_rows * Outputs, Outputs));

    protected override void Placed(double scale) => _scales[_rows++] = scale;

    private void Take(bool centred)
    {
        if (_isTaken) throw new InvalidOperationException("the equations were solved before");
        _isTaken = true;
        if (!centred) return;
        Centre(_x, Inputs, InputSums);
        Centre(_r, Outputs, OutputSums);
    }

    /// <summary>Rows less the mean of all, which like them is multiplied by their scale.</summary>
    private void Centre(double[] matrix, int columns, ReadOnlySpan<double> sums)
    {
        double[] mean = [.. sums];
        TensorPrimitives.Divide<double>(mean, Weight, mean);
        for (var t = 0; t < _rows; t++)
        {
            var row = matrix.AsSpan(t * columns, columns);
            TensorPrimitives.MultiplyAdd<double>(mean, -_scales[t], row, row);
        }
    }
}
