using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>
/// <see cref="Truncation"/> of a matrix with many more outputs than inputs, by eigenpairs of the small side alone: with <c>S = G^(1/2)</c>
/// and <c>S W = U D V'</c>, <c>W V = W W'S U / D</c> and <c>V' = U'S W / D</c>. Nothing is inverted but the D that are kept.
/// </summary>
internal static class WideTruncation
{
    /// <summary>Squares of D that are lost in roundings: some units of float64 of the largest, as many as there are inputs.</summary>
    private const double Roundings = 1e-13;

    /// <summary>
    /// A [inputs, rank] and B [rank, outputs] with <c>A B = W V V'</c>, balanced: each column of A is as long as its row of B. Directions
    /// that no input has are zero in both.
    /// </summary>
    /// <param name="gram">G [inputs, inputs].</param>
    /// <param name="weight">W [inputs, outputs].</param>
    /// <param name="rank">1..inputs</param>
    /// <exception cref="ArgumentException">The rank is out of range.</exception>
    public static (double[] Left, double[] Right) Of(double[] gram, double[] weight, int inputs, int outputs, int rank)
    {
        if (rank < 1 || rank > inputs) throw new ArgumentException($"{rank} of {inputs} dimensions", nameof(rank));
        var root = Root(gram, inputs);
        var square = Dense.MultiplyTurned(weight, weight, inputs, outputs, inputs); // W W'
        var spread = Dense.Multiply(square, root, inputs, inputs, inputs); // W W'S
        var energy = Dense.Multiply(root, spread, inputs, inputs, inputs); // S W W'S
        var pairs = DenseEigen.Leading(energy, inputs, rank);
        var images = Dense.Multiply(root, weight, inputs, inputs, outputs); // S W
        var (left, right) = (new double[inputs * rank], new double[rank * outputs]);
        for (var k = 0; k < rank; k++)
        {
            if (!(pairs.Values[k] > inputs * Roundings * pairs.Values[0])) continue;
            var column = Dense.Multiply(spread, pairs.Vectors[k], inputs, inputs, 1);
            var row = Dense.Multiply(pairs.Vectors[k], images, 1, inputs, outputs);
            // A B = column row / d^2, whatever each side has of it.
            var (a, b) = (TensorPrimitives.Norm<double>(column), TensorPrimitives.Norm<double>(row));
            var length = Math.Sqrt(a * b / pairs.Values[k]);
            for (var i = 0; i < inputs; i++) left[(i * rank) + k] = column[i] / a * length;
            TensorPrimitives.Multiply(row, length / b, right.AsSpan(k * outputs, outputs));
        }

        return (left, right);
    }

    /// <summary>The symmetric S with <c>S S = G</c>; roundings below 0 count as 0.</summary>
    private static double[] Root(double[] gram, int n)
    {
        var pairs = DenseEigen.Leading(gram, n, n);
        var scaled = new double[n * n]; // one vector a row
        for (var k = 0; k < n; k++)
            TensorPrimitives.Multiply(pairs.Vectors[k], Math.Sqrt(Math.Sqrt(Math.Max(pairs.Values[k], 0))), scaled.AsSpan(k * n, n));
        return Dense.TurnedMultiply(scaled, scaled, n, n, n);
    }
}
