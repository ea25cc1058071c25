namespace OnnxMka.Numerics.Tests;

/// <summary>Matrices to try, the same each time.</summary>
internal static class Values
{
    /// <summary>Rounding of one operation in float64.</summary>
    public static readonly double Rounding = Math.ScaleB(1, -53);

    /// <summary>Between -0.5 and 0.5.</summary>
    public static double[] Of(int count, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextDouble() - 0.5)];
    }

    /// <summary>Float32 numbers between -0.5 and 0.5.</summary>
    public static float[] Floats(int count, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
    }

    /// <summary>X'X / n + shift I for random X [2n, n]: condition below 4 / shift.</summary>
    public static double[] Definite(int n, double shift = 0.1, int seed = 1)
    {
        var x = Of(2 * n * n, seed);
        var matrix = new double[n * n];
        for (var k = 0; k < 2 * n; k++)
        {
            for (var i = 0; i < n; i++)
            {
                for (var j = 0; j < n; j++) matrix[(i * n) + j] += x[(k * n) + i] * x[(k * n) + j] / n;
            }
        }

        for (var i = 0; i < n; i++) matrix[(i * n) + i] += shift;
        return matrix;
    }

    /// <summary>[n, k] times [k, m], by the plain loops.</summary>
    public static double[] Product(double[] left, double[] right, int n, int k, int m)
    {
        var product = new double[n * m];
        for (var i = 0; i < n; i++)
        {
            for (var t = 0; t < k; t++)
            {
                for (var j = 0; j < m; j++) product[(i * m) + j] += left[(i * k) + t] * right[(t * m) + j];
            }
        }

        return product;
    }

    public static double Distance(IEnumerable<double> a, IEnumerable<double> b) => a.Zip(b, (p, q) => Math.Abs(p - q)).Max();
}
