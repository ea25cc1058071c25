using System.Collections.Immutable;

namespace OnnxMka.Measuring;

/// <summary>Items to figures: per group and over all. The order in which items were run does not matter.</summary>
internal static class Aggregate
{
    public static ImmutableArray<MetricValue> Of(IEnumerable<ItemResult> items, int seed)
    {
        var figures = ImmutableArray.CreateBuilder<MetricValue>();
        foreach (var task in items.GroupBy(i => i.Task).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            var ordered = task.OrderBy(i => i.Index).ToArray();
            var metrics = Metrics.For(ordered[0].Values.Keys);
            var groups = ordered.GroupBy(i => i.Group).OrderBy(g => g.Key, StringComparer.Ordinal).ToArray();
            if (groups.Length > 1) figures.AddRange(groups.SelectMany(g => metrics.Select(m => Figure(task.Key, g.Key, m, [.. g], seed))));
            figures.AddRange(metrics.Select(m => Figure(task.Key, null, m, ordered, seed)));
        }

        return figures.ToImmutable();
    }

    private static MetricValue Figure(string task, string? group, Metric metric, ItemResult[] items, int seed)
    {
        double[] sums = [.. items.Select(i => i.Values[metric.Sum])];
        double[] overs = [.. items.Select(i => metric.Over is { } over ? i.Values[over] : 1)];
        var (low, high) = Bootstrap.Interval(sums, overs, metric, seed);
        return new MetricValue(task, group, metric.Name, metric.Value(sums.Sum(), overs.Sum()), low, high, items.Length);
    }
}

/// <summary>The figures that items allow, told from the names of their values.</summary>
internal static class Metrics
{
    private static readonly Metric[] All =
    [
        new("perplexity", "nll", "tokens", MetricForm.Exp),
        new("perplexity per byte", "nll", "bytes", MetricForm.Exp),
        new("bits per byte", "nll", "bytes", MetricForm.Bits),
        new("perplexity of the original", "nllOriginal", "tokens", MetricForm.Exp),
        new("KL from the original", "kl", "tokens", MetricForm.Mean),
        new("top-1 agreement", "top1", "tokens", MetricForm.Mean),
        new("top-5 agreement", "top5", "tokens", MetricForm.Mean),
        new("accuracy", "correct", null, MetricForm.Mean),
        new("accuracy, length-normalised", "correctPerByte", null, MetricForm.Mean),
        new("accuracy of the original", "correctOriginal", null, MetricForm.Mean),
        new("accuracy of the original, length-normalised", "correctPerByteOriginal", null, MetricForm.Mean),
    ];

    public static Metric[] For(IEnumerable<string> values)
    {
        var known = values.ToHashSet(StringComparer.Ordinal);
        return [.. All.Where(m => known.Contains(m.Sum) && (m.Over is null || known.Contains(m.Over)))];
    }
}
