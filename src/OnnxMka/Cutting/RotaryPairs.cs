namespace OnnxMka.Cutting;

/// <summary>
/// Which frequency pairs (p, p + d/2) of rotary keys a block keeps: those with the largest <c>E|q_p|^2 E|k_p|^2</c>, summed over query
/// heads; each KV head's scores count as shares of its own sum. A rotation changes neither.
/// </summary>
internal static class RotaryPairs
{
    /// <summary>The pairs that stay, ascending; of equal ones the first.</summary>
    /// <param name="queries">Energy of each column, [query heads * size].</param>
    /// <param name="keys">The same, [KV heads * size].</param>
    /// <param name="count">Pairs that stay.</param>
    public static int[] Kept(ReadOnlySpan<double> queries, ReadOnlySpan<double> keys, int size, int count)
    {
        var scores = Scores(queries, keys, size);
        return [.. Enumerable.Range(0, size / 2).OrderByDescending(p => scores[p]).Take(count).Order()];
    }

    /// <summary>Of each pair.</summary>
    public static double[] Scores(ReadOnlySpan<double> queries, ReadOnlySpan<double> keys, int size)
    {
        var (half, groups) = (size / 2, keys.Length / size);
        var (share, scores) = (queries.Length / keys.Length, new double[half]);
        var own = new double[half];
        for (var group = 0; group < groups; group++)
        {
            for (var p = 0; p < half; p++)
            {
                own[p] = 0;
                for (var head = group * share; head < (group + 1) * share; head++) own[p] += Energy(queries, head, p, size);
                own[p] *= Energy(keys, group, p, size);
            }

            var sum = own.Sum();
            for (var p = 0; p < half && sum > 0; p++) scores[p] += own[p] / sum;
        }

        return scores;
    }

    private static double Energy(ReadOnlySpan<double> columns, int head, int pair, int size) =>
        columns[(head * size) + pair] + columns[(head * size) + (size / 2) + pair];
}
