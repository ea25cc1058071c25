namespace OnnxMka.Alignment.Tests.Oracle;

/// <summary>The diffusion map written down as it is defined, in plain float64 loops.</summary>
internal sealed record NaiveDiffusionMap(double Sigma, double[] Eigenvalues, double[] Coordinates, double LeastStationary)
{
    public static NaiveDiffusionMap Of(SampleMatrix x, int d, double t, double? sigma)
    {
        var n = x.Samples;
        var distance = new double[n, n];
        var above = new List<double>();
        for (var i = 0; i < n; i++)
        {
            for (var j = i + 1; j < n; j++)
            {
                double sum = 0;
                for (var h = 0; h < x.Features; h++)
                    sum += Math.Pow((double)x.Row(i)[h] - x.Row(j)[h], 2);
                distance[i, j] = distance[j, i] = Math.Sqrt(sum);
                above.Add(distance[i, j]);
            }
        }

        above.Sort();
        var width = sigma ?? (above[(above.Count - 1) / 2] + above[above.Count / 2]) / 2;
        var (values, vectors) = JacobiEigen.Of(Operator(distance, width));
        var coordinates = new double[n * d];
        var least = double.PositiveInfinity;
        for (var i = 0; i < n; i++)
        {
            least = Math.Min(least, Math.Abs(vectors[i, 0]));
            for (var k = 1; k <= d; k++)
                coordinates[(i * d) + k - 1] = Math.Pow(values[k], t) * vectors[i, k] / vectors[i, 0];
        }

        return new NaiveDiffusionMap(width, values, coordinates, least);
    }

    private static double[,] Operator(double[,] distance, double sigma)
    {
        var n = distance.GetLength(0);
        var kernel = new double[n, n];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
                kernel[i, j] = Math.Exp(-Math.Pow(distance[i, j] / sigma, 2));
        }

        var p = RowSums(kernel);
        var first = new double[n, n];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
                first[i, j] = kernel[i, j] / Math.Sqrt(p[i] * p[j]);
        }

        var v = RowSums(first);
        var result = new double[n, n];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
                result[i, j] = first[i, j] / (Math.Sqrt(v[i]) * Math.Sqrt(v[j]));
        }

        return result;
    }

    private static double[] RowSums(double[,] matrix)
    {
        var sums = new double[matrix.GetLength(0)];
        for (var i = 0; i < sums.Length; i++)
        {
            for (var j = 0; j < sums.Length; j++)
                sums[i] += matrix[i, j];
        }

        return sums;
    }
}
