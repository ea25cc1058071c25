using MathNet.Numerics.LinearAlgebra;

namespace OnnxMka.Alignment;

/// <summary>The full decomposition of a small symmetric matrix, by Householder tridiagonalisation and implicit QL (MathNet).</summary>
internal static class DenseEigen
{
    /// <summary>The <paramref name="count"/> largest eigenvalues, largest first, and their unit vectors [count][size].</summary>
    public static (double[] Values, double[][] Vectors) Descending(Matrix<double> symmetric, int count)
    {
        var size = symmetric.RowCount;
        var decomposition = symmetric.Evd(Symmetricity.Symmetric); // values ascending
        var values = new double[count];
        var vectors = new double[count][];
        for (var k = 0; k < count; k++)
        {
            values[k] = decomposition.EigenValues[size - 1 - k].Real;
            vectors[k] = decomposition.EigenVectors.Column(size - 1 - k).ToArray();
        }

        return (values, vectors);
    }
}
