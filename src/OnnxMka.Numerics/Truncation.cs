using System.Collections.Immutable;
using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>
/// Weights of low rank that lose least on inputs X, known by <c>G = X'X</c>: with V the leading eigenvectors of <c>W'GW</c>,
/// <c>|X (W - M)|</c> is least for <c>M = W V V'</c>, and its square is the sum of the eigenvalues left out (SVD-LLM, arXiv 2403.07378,
/// without its factor and inverse of G, which may be singular here). Where W'GW is wide, and ranks well below its width are asked for, V
/// comes from <see cref="LeadingSubspace"/>: within a thousandth of the least error, and W'GW is never formed.
/// </summary>
internal sealed class Truncation
{
    /// <summary>A full decomposition takes a minute at 2,048 columns, and grows with their cube.</summary>
    private const int Wide = 768;

    private readonly double[] _weight;
    private readonly int _inputs;
    private readonly int _outputs;
    private readonly double[][] _vectors;

    private Truncation(double[] weight, int inputs, int outputs, double[][] vectors, ImmutableArray<double> energies)
    {
        _weight = weight;
        _inputs = inputs;
        _outputs = outputs;
        _vectors = vectors;
        Energies = energies;
    }

    /// <summary>
    /// Eigenvalues of <c>W'GW</c> [outputs], falling, none below 0: what is left out beyond a rank adds up to its error. Beyond the most
    /// that was asked for all that is left may stand in one of them.
    /// </summary>
    public ImmutableArray<double> Energies { get; }

    /// <summary>For ranks up to the most.</summary>
    /// <param name="gram">G [inputs, inputs].</param>
    /// <param name="weight">W [inputs, outputs].</param>
    /// <param name="most">1..outputs</param>
    /// <exception cref="ArgumentException">The rank is out of range.</exception>
    public static Truncation Under(double[] gram, double[] weight, int inputs, int outputs, int most)
    {
        if (most < 1 || most > outputs) throw new ArgumentException($"{most} of {outputs} dimensions", nameof(most));
        var images = Dense.Multiply(gram, weight, inputs, inputs, outputs);
        if (outputs <= Wide || most > outputs / 2)
        {
            var pairs = DenseEigen.Leading(Dense.TurnedMultiply(weight, images, outputs, inputs, outputs), outputs, outputs);
            return new Truncation(weight, inputs, outputs, pairs.Vectors[..most], [.. pairs.Values.Select(v => Math.Max(v, 0))]);
        }

        var basis = LeadingSubspace.Of(Semidefinite.Between(weight, gram, inputs, outputs), most);
        var (products, seen) = (
            Dense.Multiply(weight, basis, inputs, outputs, most), Dense.Multiply(images, basis, inputs, outputs, most));
        var inner = DenseEigen.Leading(Dense.TurnedMultiply(products, seen, most, inputs, most), most, most);
        double[] shares = [.. inner.Vectors.SelectMany(v => v)]; // [most, most], one vector a row
        var turned = Dense.MultiplyTurned(shares, basis, most, most, outputs);
        var values = new double[outputs];
        for (var k = 0; k < most; k++) values[k] = Math.Max(inner.Values[k], 0);
        values[most] = Math.Max(0, TensorPrimitives.Dot<double>(weight, images) - TensorPrimitives.Sum<double>(values));
        return new Truncation(
            weight, inputs, outputs, [.. Enumerable.Range(0, most).Select(k => turned[(k * outputs)..((k + 1) * outputs)])], [.. values]);
    }

    /// <summary>The same of one rank.</summary>
    /// <inheritdoc cref="Under"/>
    public static (double[] Left, double[] Right) Of(double[] gram, double[] weight, int inputs, int outputs, int rank) =>
        Under(gram, weight, inputs, outputs, rank).Pair(rank);

    /// <summary>
    /// A [inputs, rank] and B [rank, outputs] with <c>A B = W V V'</c>, balanced: each column of A is as long as its row of B, except
    /// where it is zero.
    /// </summary>
    /// <param name="rank">1 up to the most.</param>
    public (double[] Left, double[] Right) Pair(int rank)
    {
        double[] right = [.. _vectors.Take(rank).SelectMany(v => v)];
        var columns = Dense.MultiplyTurned(right, _weight, rank, _outputs, _inputs); // of A, one a row
        for (var k = 0; k < rank; k++)
        {
            var column = columns.AsSpan(k * _inputs, _inputs);
            var row = right.AsSpan(k * _outputs, _outputs);
            var scale = Math.Sqrt(TensorPrimitives.Norm<double>(row) / TensorPrimitives.Norm<double>(column));
            if (!double.IsFinite(scale)) continue;
            TensorPrimitives.Multiply(column, scale, column);
            TensorPrimitives.Divide(row, scale, row);
        }

        return (Dense.Transpose(columns, rank, _inputs), right);
    }
}
