namespace OnnxMka.Alignment.Tests.Oracle;

/// <summary>
/// NPIB written down as it is defined: sorted distances, counts, digamma. <c>Strict: false</c> is a wrong version, for controls.
/// </summary>
internal sealed record NaiveNpib(int Neighbours, bool Strict = true)
{
    private const double EulerGamma = 0.57721566490153286;

    /// <summary>Coordinates [N, da] and [N, db], row-major.</summary>
    public double Score(double[] left, double[] right, int samples)
    {
        var a = Standardise(left, samples);
        var b = Standardise(right, samples);
        return Information(a, b) / Math.Sqrt(Information(a, a) * Information(b, b));
    }

    /// <summary>n_x and n_y of every sample, from coordinates as given: [N], [N].</summary>
    public (int[] Left, int[] Right) Counts(double[][] a, double[][] b)
    {
        var n = a.Length;
        int[] left = new int[n], right = new int[n];
        for (var i = 0; i < n; i++)
        {
            var others = Enumerable.Range(0, n).Where(j => j != i).ToArray();
            var joint = others.Select(j => Math.Max(Distance(a[i], a[j]), Distance(b[i], b[j]))).Order().ToArray();
            var epsilon = joint[Neighbours - 1];
            left[i] = others.Count(j => Closer(Distance(a[i], a[j]), epsilon));
            right[i] = others.Count(j => Closer(Distance(b[i], b[j]), epsilon));
        }

        return (left, right);
    }

    public static double[][] Standardise(double[] coordinates, int samples)
    {
        var d = coordinates.Length / samples;
        var points = new double[samples][];
        for (var i = 0; i < samples; i++)
            points[i] = coordinates[(i * d)..((i + 1) * d)];
        for (var k = 0; k < d; k++)
        {
            var mean = points.Average(point => point[k]);
            var deviation = Math.Sqrt(points.Average(point => (point[k] - mean) * (point[k] - mean)));
            foreach (var point in points)
                point[k] = (point[k] - mean) / deviation;
        }

        return points;
    }

    private double Information(double[][] a, double[][] b)
    {
        var n = a.Length;
        var (left, right) = Counts(a, b);
        double mean = 0;
        for (var i = 0; i < n; i++)
            mean += (Digamma(left[i] + 1) + Digamma(right[i] + 1)) / n;
        return Math.Max(0, Digamma(Neighbours) + Digamma(n) - mean);
    }

    private bool Closer(double distance, double epsilon) => Strict ? distance < epsilon : distance <= epsilon;

    private static double Distance(double[] x, double[] y)
    {
        double largest = 0;
        for (var k = 0; k < x.Length; k++)
            largest = Math.Max(largest, Math.Abs(x[k] - y[k]));
        return largest;
    }

    private static double Digamma(int n)
    {
        var value = -EulerGamma;
        for (var m = 1; m < n; m++)
            value += 1.0 / m;
        return value;
    }
}
