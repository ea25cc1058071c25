using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>
/// <c>min |X D - R|^2 + a mean(diag X'X) |D|^2</c> in float64, its rows added sample by sample. Neither threads nor how rows are batched
/// change a bit.
/// </summary>
internal abstract class LeastSquares
{
    private readonly double[] _inputSums;
    private readonly double[] _outputSums;

    protected LeastSquares(int inputs, int outputs)
    {
        (Inputs, Outputs) = (inputs, outputs);
        (_inputSums, _outputSums) = (new double[inputs], new double[outputs]);
    }

    /// <summary>Columns of X.</summary>
    public int Inputs { get; }

    /// <summary>Columns of R.</summary>
    public int Outputs { get; }

    /// <summary>Sum of the squared scales.</summary>
    protected double Weight { get; private set; }

    /// <summary>Sums of X's columns, each row times its squared scale.</summary>
    protected ReadOnlySpan<double> InputSums => _inputSums;

    /// <summary>Sums of R's columns, each row times its squared scale.</summary>
    protected ReadOnlySpan<double> OutputSums => _outputSums;

    /// <summary>In the form that takes less memory and fewer operations for so many rows.</summary>
    /// <param name="rows">Rows that will be added.</param>
    public static LeastSquares Of(long rows, int inputs, int outputs) =>
        FewRows(rows, inputs) ? new RowEquations(checked((int)rows), inputs, outputs) : new NormalEquations(inputs, outputs);

    /// <summary>Bytes that are held at once to solve them: the sums or the rows, a factor and a solution.</summary>
    public static long Bytes(long rows, long inputs, long outputs) =>
        FewRows(rows, inputs) ? RowEquations.RowBytes(rows, inputs, outputs) : NormalEquations.SumBytes(inputs, outputs);

    /// <summary>Multiplications and additions of the sums, and of so many solutions.</summary>
    public static double Operations(double rows, double inputs, double outputs, double solutions)
    {
        var (sums, unknowns) = FewRows((long)rows, (long)inputs)
            ? (rows * rows * inputs, rows)
            : (rows * inputs * (inputs + (2 * outputs)), inputs);
        var map = unknowns < inputs ? 2 * rows * inputs * outputs : 0;
        return sums + (solutions * ((unknowns * unknowns * unknowns / 3) + (2 * unknowns * unknowns * outputs) + map));
    }

    /// <summary>
    /// With T rows, n inputs and m outputs, sums take T n^2 operations, their factor n^3 / 3 and a solution 2 n^2 m; the dual form takes
    /// T^2 n, T^3 / 3 and 2 T^2 m + 2 T n m. With m = n / 4 they meet at T = 0.87 n, with m = n at 0.75 n.
    /// </summary>
    private static bool FewRows(long rows, long inputs) => 4 * rows <= 3 * inputs;

    /// <summary>Adds the rows of one sample.</summary>
    /// <param name="x">[rows, inputs]</param>
    /// <param name="r">[rows, outputs]</param>
    /// <param name="scale">[rows]: both sides of a row's equation are multiplied by it, an intercept's too; empty for 1.</param>
    public void Add(ReadOnlySpan<float> x, ReadOnlySpan<float> r, ReadOnlySpan<double> scale = default)
    {
        var rows = x.Length / Inputs;
        for (var t = 0; t < rows; t++)
        {
            var factor = scale.IsEmpty ? 1 : scale[t];
            Weight += factor * factor;
            var (inputs, outputs) = Place();
            Scaled(x.Slice(t * Inputs, Inputs), factor, inputs, _inputSums);
            Scaled(r.Slice(t * Outputs, Outputs), factor, outputs, _outputSums);
            Placed(factor);
        }
    }

    /// <summary>
    /// Maps for ridges in units of the mean of diag X'X: D' [outputs, inputs], in memory that the next call takes again; null where there
    /// is no stable one. Called once: nothing is added after.
    /// </summary>
    /// <param name="centred">Of X and R less their means.</param>
    public abstract Func<double, double[]?> Solver(bool centred);

    /// <summary>The same for maps D = W A with the best A: <c>min |X W A - R|</c>, the ridge on A.</summary>
    /// <param name="basis">W [inputs, width]</param>
    public abstract Func<double, double[]?> Solver(bool centred, double[] basis, int width);

    /// <summary>What is left of the mean of R once X times a map is taken off: the change of a bias.</summary>
    /// <param name="map">[outputs, inputs]</param>
    public double[] Intercept(double[] map)
    {
        var intercept = new double[Outputs];
        for (var k = 0; k < Outputs; k++)
            intercept[k] = (_outputSums[k] - TensorPrimitives.Dot<double>(_inputSums, map.AsSpan(k * Inputs, Inputs))) / Weight;
        return intercept;
    }

    /// <summary>Where the next row is to be written, both sides times its scale.</summary>
    protected abstract (Memory<double> Inputs, Memory<double> Outputs) Place();

    /// <summary>It was written.</summary>
    protected abstract void Placed(double scale);

    private static void Scaled(ReadOnlySpan<float> values, double factor, Memory<double> row, double[] sums)
    {
        var target = row.Span;
        TensorPrimitives.ConvertTruncating(values, target);
        TensorPrimitives.Multiply(target, factor, target);
        TensorPrimitives.MultiplyAdd<double>(target, factor, sums, sums);
    }
}
