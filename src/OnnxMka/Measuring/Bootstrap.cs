using OnnxMka.Running.Tokens;

namespace OnnxMka.Measuring;

/// <summary>
/// Percentile bootstrap: items are drawn with replacement, the figure is computed of each draw, and 2.5 % are cut off at both ends.
/// </summary>
internal static class Bootstrap
{
    public const int Resamples = 1000;

    /// <summary>
    /// The 95 % interval of a ratio of sums over items; infinite where draws are. Nulls for a single item, and where a draw is no number.
    /// Equal input and seed give equal bounds.
    /// </summary>
    public static (double? Low, double? High) Interval(double[] sums, double[] overs, Metric metric, int seed)
    {
        if (sums.Length < 2) return (null, null);
        var random = new SeededRandom((ulong)seed);
        var values = new double[Resamples];
        for (var r = 0; r < Resamples; r++)
        {
            double sum = 0, over = 0;
            for (var i = 0; i < sums.Length; i++)
            {
                var item = (int)(random.Next() % (ulong)sums.Length);
                sum += sums[item];
                over += overs[item];
            }

            values[r] = metric.Value(sum, over);
        }

        if (Array.Exists(values, double.IsNaN)) return (null, null);
        Array.Sort(values);
        return (Quantile(values, 0.025), Quantile(values, 0.975));
    }

    /// <summary>Linear between order statistics.</summary>
    private static double Quantile(double[] sorted, double q)
    {
        var place = q * (sorted.Length - 1);
        var below = (int)place;
        // Between equal values there is nothing to interpolate, and between infinite ones nothing to subtract.
        if (below == place || sorted[below] == sorted[below + 1] || double.IsInfinity(sorted[below])) return sorted[below];
        return sorted[below] + ((place - below) * (sorted[below + 1] - sorted[below]));
    }
}
