using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>
/// Weights of low rank that lose least on inputs X, known by <c>G = X'X</c>: with V the leading eigenvectors of <c>W'GW</c>,
/// <c>|X (W - M)|</c> is least for <c>M = W V V'</c>, and its square is the sum of the eigenvalues left out (SVD-LLM, arXiv 2403.07378,
/// without its factor and inverse of G, which may be singular here).
/// </summary>
internal static class Truncation
{
    /// <summary>Eigenvalues of <c>W'GW</c> [outputs], falling, none below 0: what is left out beyond a rank adds up to its error.</summary>
    /// <param name="gram">G [inputs, inputs].</param>
    /// <param name="weight">W [inputs, outputs].</param>
    public static double[] Energies(double[] gram, double[] weight, int inputs, int outputs)
    {
        var values = Pairs(gram, weight, inputs, outputs, outputs).Values;
        return [.. values.Select(v => Math.Max(v, 0))];
    }

    /// <summary>
    /// A [inputs, rank] and B [rank, outputs] with <c>A B = W V V'</c>, balanced: each column of A is as long as its row of B, except
    /// where it is zero.
    /// </summary>
    /// <param name="gram">G [inputs, inputs].</param>
    /// <param name="weight">W [inputs, outputs].</param>
    /// <param name="rank">1..outputs</param>
    /// <exception cref="ArgumentException">The rank is out of range.</exception>
    public static (double[] Left, double[] Right) Of(double[] gram, double[] weight, int inputs, int outputs, int rank)
    {
        if (rank < 1 || rank > outputs) throw new ArgumentException($"{rank} of {outputs} dimensions", nameof(rank));
        double[] right = [.. Pairs(gram, weight, inputs, outputs, rank).Vectors.SelectMany(v => v)];
        var columns = Dense.MultiplyTurned(right, weight, rank, outputs, inputs); // of A, one a row
        for (var k = 0; k < rank; k++)
        {
            var column = columns.AsSpan(k * inputs, inputs);
            var row = right.AsSpan(k * outputs, outputs);
            var scale = Math.Sqrt(TensorPrimitives.Norm<double>(row) / TensorPrimitives.Norm<double>(column));
            if (!double.IsFinite(scale)) continue;
            TensorPrimitives.Multiply(column, scale, column);
            TensorPrimitives.Divide(row, scale, row);
        }

        return (Dense.Transpose(columns, rank, inputs), right);
    }

    private static EigenPairs Pairs(double[] gram, double[] weight, int inputs, int outputs, int count)
    {
        var images = Dense.Multiply(gram, weight, inputs, inputs, outputs);
        var energy = Dense.TurnedMultiply(weight, images, outputs, inputs, outputs);
        return DenseEigen.Leading(outputs, (i, j) => (energy[(i * outputs) + j] + energy[(j * outputs) + i]) / 2, count);
    }
}
