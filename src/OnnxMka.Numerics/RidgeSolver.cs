namespace OnnxMka.Numerics;

/// <summary>
/// <c>(G + a I) d = b</c> for any number of ridges a, in the memory of G: its upper half and a diagonal keep G, the lower half takes one
/// factor after the other.
/// </summary>
internal sealed class RidgeSolver
{
    private readonly double[] _matrix; // [n, n]
    private readonly double[] _diagonal; // of G [n]
    private readonly int _n;
    private readonly double _unit;
    private double[] _solution = [];

    /// <param name="gram">G [n, n], of which the lower half is read; belongs to the solver from here on.</param>
    /// <param name="columns">What the trace of G is divided by: n, or the columns of X where G is X X'.</param>
    public RidgeSolver(double[] gram, int n, int? columns = null)
    {
        (_matrix, _n) = (gram, n);
        Dense.MirrorLower(gram, n);
        _diagonal = [.. Enumerable.Range(0, n).Select(i => gram[(i * n) + i])];
        foreach (var value in _diagonal) _unit += value;
        _unit /= columns ?? n;
    }

    /// <summary>
    /// One solution a right side [m, n], in memory that the next call takes again; null where the matrix is not positive definite in
    /// float64.
    /// </summary>
    /// <param name="right">[m, n]</param>
    /// <param name="ridge">a, in units of the trace of G by the columns.</param>
    public double[]? Solve(double[] right, double ridge)
    {
        Dense.MirrorUpper(_matrix, _n);
        for (var i = 0; i < _n; i++) _matrix[(i * _n) + i] = _diagonal[i] + (ridge * _unit);
        if (Cholesky.Of(_matrix, _n) is not { } factor) return null;
        if (_solution.Length != right.Length) _solution = new double[right.Length];
        right.CopyTo(_solution, 0);
        factor.Solve(_solution);
        return _solution;
    }
}
