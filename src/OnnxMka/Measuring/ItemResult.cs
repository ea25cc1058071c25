using System.Collections.Immutable;

namespace OnnxMka.Measuring;

/// <summary>
/// What one item (a window of text, a question) contributed. Every figure is computed from these, in order of their numbers.
/// </summary>
/// <param name="Group">Subject or file; figures are given for each and for all.</param>
/// <param name="Index">Number within the task, whatever limit or shard was run.</param>
internal sealed record ItemResult(string Task, string Group, int Index, ImmutableSortedDictionary<string, double> Values);

/// <summary>How a ratio of sums becomes the figure that people read.</summary>
internal enum MetricForm
{
    /// <summary>The ratio itself.</summary>
    Mean,

    /// <summary><c>exp</c> of it: perplexity from nats.</summary>
    Exp,

    /// <summary>Divided by <c>ln 2</c>: bits from nats.</summary>
    Bits,
}

/// <summary>A figure of a task: the sum of one value over the sum of another, or over the number of items.</summary>
/// <param name="Over">Null for the number of items.</param>
internal sealed record Metric(string Name, string Sum, string? Over, MetricForm Form)
{
    public double Value(double sum, double over) => Form switch
    {
        MetricForm.Exp => Math.Exp(sum / over),
        MetricForm.Bits => sum / over / Math.Log(2),
        _ => sum / over,
    };
}

/// <summary>A figure with its 95 % bootstrap interval over items.</summary>
/// <param name="Group">Null for all items of the task.</param>
/// <param name="Low">Null where there is no interval: of a single item, or of figures that are no numbers.</param>
internal sealed record MetricValue(string Task, string? Group, string Metric, double Value, double? Low, double? High, int Items);
