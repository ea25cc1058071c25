namespace OnnxMka.Search;

/// <summary>How small the result must be, or how good it must stay, where that is asked for in place of a number of blocks.</summary>
/// <param name="Bytes">The output's model and data files may take so much; the fewest blocks go that get there.</param>
/// <param name="MaxIncrease">Perplexity on held-out calibration text may rise by this share; as many blocks go as keep it.</param>
public sealed record ReductionTarget(long? Bytes, double? MaxIncrease);

/// <summary>No smaller model keeps within <see cref="ReductionTarget.MaxIncrease"/>; nothing was written.</summary>
public sealed class QualityGateException(string message) : Exception(message);

/// <summary>Finds the number of blocks that a target means.</summary>
/// <param name="most">Blocks that can go.</param>
/// <param name="choose">The reduction by that many blocks, without compensation.</param>
/// <param name="finish">The same with compensation.</param>
/// <param name="note">Takes a line for people.</param>
internal sealed class TargetSearch(int most, Func<int, Reduction> choose, Func<Reduction, Reduction> finish, Action<string> note)
{
    /// <summary>
    /// The fewest removals whose planned output is within the limit, what compensation adds included. Sizes fall with every block that
    /// goes, so the first number that fits is the fewest. Refuses a limit that no number reaches (MKA061).
    /// </summary>
    /// <param name="least">Numbers below this cannot fit, whichever blocks go.</param>
    public Reduction BySize(long limit, int least, Func<Reduction, long> size)
    {
        var smallest = long.MaxValue;
        for (var count = Math.Min(least, most); count <= most; count++)
        {
            var chosen = choose(count);
            if (size(chosen) <= limit && finish(chosen) is var finished && size(finished) <= limit)
            {
                note($"{count} blocks go: the fewest whose result, {size(finished):N0} bytes, is within {limit:N0}");
                return finished;
            }

            smallest = Math.Min(smallest, size(chosen));
        }

        throw new RefusedException(
            "MKA061", $"{limit:N0} bytes", $"even without the {most} blocks that can go the result has {smallest:N0} bytes", "Allow more, lower --protect-first or --protect-last, or quantise the result");
    }

    /// <summary>
    /// The most removals whose loss is within the limit, by bisection: loss is taken to rise with the number of blocks that go.
    /// </summary>
    /// <param name="original">Loss of the original model, nats a token.</param>
    /// <exception cref="QualityGateException">Already one block costs more.</exception>
    public Reduction ByLoss(double original, double maxIncrease, Func<Reduction, double> loss)
    {
        Reduction? best = null;
        double least = double.PositiveInfinity;
        var (within, beyond) = (0, most + 1);
        while (beyond - within > 1)
        {
            var count = (within + beyond) / 2;
            var reduction = finish(choose(count));
            var increase = Math.Exp(loss(reduction) - original) - 1;
            least = Math.Min(least, increase);
            note($"without {count} blocks the perplexity on held-out calibration text rises by {increase:0.0%}");
            if (increase <= maxIncrease) (within, best) = (count, reduction);
            else beyond = count;
        }

        return best ?? throw new QualityGateException($"No smaller model keeps the perplexity within +{maxIncrease:0.##%} on held-out calibration text: without one block it rises by {least:0.0%}. Nothing was written.");
    }
}
