using System.Collections.Immutable;

namespace OnnxMka.Sweeping;

/// <summary>Which plans a sweep tries, and what is asked of the winner.</summary>
/// <param name="Ratios">Shares of blocks that go, ascending.</param>
/// <param name="Methods">Ways to remove them; each is tried with each ratio.</param>
/// <param name="MaxIncrease">Largest perplexity increase that is allowed, as a share (0.1 is 10 %); null where nothing is picked.</param>
public sealed record SweepOptions(ImmutableArray<double> Ratios, ImmutableArray<SweepMethod> Methods, double? MaxIncrease)
{
    /// <summary>How blocks are chosen where a method does not say it; null for the most similar neighbours.</summary>
    public string? Select { get; init; }

    /// <summary>Blocks at the start that neither go nor change.</summary>
    public int ProtectFirst { get; init; } = 1;

    /// <summary>Blocks at the end that neither go nor change.</summary>
    public int ProtectLast { get; init; } = 1;

    /// <summary>Steps of a range are counted, not added up, so 0.1:0.5:0.1 ends with 0.5 and not with 0.49999.</summary>
    public static ImmutableArray<double> Range(double first, double last, double step)
    {
        var count = (int)Math.Floor(((last - first) / step) + 1e-9) + 1;
        return [.. Enumerable.Range(0, count).Select(i => Math.Round(first + (i * step), 10))];
    }
}
