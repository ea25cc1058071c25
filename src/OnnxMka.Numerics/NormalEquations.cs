namespace OnnxMka.Numerics;

/// <summary>
/// Least squares by sums: <c>X'X</c>, <c>R'X</c>, and a factor of the first. For more rows than X has columns.
/// </summary>
internal sealed class NormalEquations : LeastSquares
{
    private double[]? _gram; // [inputs, inputs], its lower half
    private double[]? _cross; // [outputs, inputs]
    private readonly double[] _x; // rows that wait: [Depth, inputs]
    private readonly double[] _r; // [Depth, outputs]
    private int _waiting;
    private Panels<double>? _left = Panels.Left<double>();
    private Panels<double>? _right = Panels.Right<double>();

    /// <param name="inputs">Columns of X.</param>
    /// <param name="outputs">Columns of R.</param>
    public NormalEquations(int inputs, int outputs)
        : base(inputs, outputs)
    {
        (_gram, _cross) = (new double[checked(inputs * inputs)], new double[checked(outputs * inputs)]);
        (_x, _r) = (new double[checked(Panels.Depth * inputs)], new double[checked(Panels.Depth * outputs)]);
    }

    /// <summary>Bytes that are held at once to solve them: X'X, R'X, a solution, and rows on their way.</summary>
    public static long SumBytes(long inputs, long outputs) =>
        (sizeof(double) * ((inputs * (inputs + (2 * outputs))) + (Panels.Depth * (3 * inputs + outputs)))) + Cholesky.Bytes(inputs);

    /// <summary>X'X in full. Centred: of X less its mean. In the memory of the sums: taken once, and nothing is added after.</summary>
    public double[] TakeGram(bool centred)
    {
        Sum();
        var gram = Taken(ref _gram);
        for (var i = 0; centred && i < Inputs; i++)
        {
            for (var j = 0; j <= i; j++) gram[(i * Inputs) + j] -= InputSums[i] * InputSums[j] / Weight;
        }

        Dense.MirrorLower(gram, Inputs);
        return gram;
    }

    /// <summary>R'X [outputs, inputs]. Centred: of R and X less their means. In the memory of the sums, like X'X.</summary>
    public double[] TakeCross(bool centred)
    {
        Sum();
        var cross = Taken(ref _cross);
        for (var k = 0; centred && k < Outputs; k++)
        {
            for (var i = 0; i < Inputs; i++) cross[(k * Inputs) + i] -= InputSums[i] * OutputSums[k] / Weight;
        }

        return cross;
    }

    public override Func<double, double[]?> Solver(bool centred)
    {
        var cross = TakeCross(centred);
        var solver = new RidgeSolver(TakeGram(centred), Inputs);
        (_left, _right) = (null, null);
        return ridge => solver.Solve(cross, ridge);
    }

    /// <summary>Turned: with M = XW, M'M = W'(X'X)W and R'M = (R'X)W, so that M itself is never needed.</summary>
    public override Func<double, double[]?> Solver(bool centred, double[] basis, int width)
    {
        var right = Dense.Multiply(TakeCross(centred), basis, Outputs, Inputs, width);
        var images = Dense.Multiply(TakeGram(centred), basis, Inputs, Inputs, width);
        var solver = new RidgeSolver(Dense.TurnedMultiply(basis, images, width, Inputs, width), width);
        return ridge => solver.Solve(right, ridge) is { } map ? Dense.MultiplyTurned(map, basis, Outputs, width, Inputs) : null;
    }

    protected override (Memory<double> Inputs, Memory<double> Outputs) Place() => _gram is null || _cross is null
        ? throw new InvalidOperationException("the sums were taken")
        : (_x.AsMemory(_waiting * Inputs, Inputs), _r.AsMemory(_waiting * Outputs, Outputs));

    protected override void Placed(double scale)
    {
        if (++_waiting == Panels.Depth) Sum();
    }

    /// <summary>Adds the products of the rows that wait.</summary>
    private void Sum()
    {
        if (_waiting == 0) return;
        var (left, right) = (_left!, _right!);
        right.TakeColumns(_x, Inputs, 0, _waiting, 0, Inputs);
        left.TakeColumns(_x, Inputs, 0, _waiting, 0, Inputs);
        Products.Write(_gram!, 0, Inputs, left, right, 1, keep: true, lower: true);
        left.TakeColumns(_r, Outputs, 0, _waiting, 0, Outputs);
        if (Outputs > 0) Products.Write(_cross!, 0, Inputs, left, right, 1, keep: true);
        _waiting = 0;
    }

    private static double[] Taken(ref double[]? sums)
    {
        var taken = sums ?? throw new InvalidOperationException("the sums were taken before");
        sums = null;
        return taken;
    }
}
