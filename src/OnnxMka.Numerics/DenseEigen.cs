using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Double;

namespace OnnxMka.Numerics;

/// <summary>The full decomposition of a small symmetric matrix, by Householder tridiagonalisation and implicit QL (MathNet).</summary>
internal static class DenseEigen
{
    /// <summary>The same of a matrix [size, size] that rounding left not quite symmetric.</summary>
    public static EigenPairs Leading(double[] matrix, int size, int count) =>
        Leading(size, (i, j) => (matrix[(i * size) + j] + matrix[(j * size) + i]) / 2, count);

    /// <summary>The <paramref name="count"/> leading pairs of the matrix [size, size] with these entries.</summary>
    public static EigenPairs Leading(int size, Func<int, int, double> entry, int count)
    {
        var decomposition = DenseMatrix.Create(size, size, entry).Evd(Symmetricity.Symmetric); // values ascending
        var values = new double[count];
        var vectors = new double[count][];
        for (var k = 0; k < count; k++)
        {
            values[k] = decomposition.EigenValues[size - 1 - k].Real;
            vectors[k] = decomposition.EigenVectors.Column(size - 1 - k).ToArray();
        }

        return new EigenPairs(values, vectors);
    }
}
