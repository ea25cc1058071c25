using ILGPU;

// Affinities and row sums of a symmetric matrix, one thread a row. The matrix being symmetric to the last bit, thread i reads
// column i: neighbouring threads then read neighbouring places. A row is one sum in one order.


namespace OnnxMka.Alignment.Ilgpu;

internal static class AffinityRows
{
    /// <summary>D2 becomes K = exp(factor D2) in place; sums[i] = sum_j K[i,j].</summary>
    public static void Exponentiate(Index1D i, ArrayView<double> matrix, int n, double factor, ArrayView<double> sums)
    {
        double sum = 0;
        for (var j = 0; j < n; j++)
        {
            var place = ((long)j * n) + i;
            var affinity = DeviceExp.Of(matrix[place] * factor);
            matrix[place] = affinity;
            sum += affinity;
        }

        sums[i] = sum;
    }

    /// <summary>sums[i] = sum_j K[i,j] weights[j].</summary>
    public static void Weigh(Index1D i, ArrayView<double> matrix, int n, ArrayView<double> weights, ArrayView<double> sums)
    {
        double sum = 0;
        for (var j = 0; j < n; j++)
            sum += matrix[((long)j * n) + i] * weights[j];
        sums[i] = sum;
    }
}
