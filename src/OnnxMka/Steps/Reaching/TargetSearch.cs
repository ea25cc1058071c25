using OnnxMka.Outcomes;

namespace OnnxMka.Steps.Reaching;

/// <summary>Finds how much a target means: a number of blocks, or of shares of a model.</summary>
/// <param name="most">The most that can go.</param>
/// <param name="said">So many for people, such as "4 blocks".</param>
/// <param name="choose">What so many removals come to, without correction.</param>
/// <param name="finish">The same with the correction.</param>
/// <param name="release">Takes what was tried and is not the answer.</param>
/// <param name="note">Takes a line for people.</param>
internal sealed class TargetSearch<T>(
    int most, Func<int, string> said, Func<int, T> choose, Func<T, T> finish, Action<T> release, Action<string> note)
    where T : class
{
    /// <summary>
    /// The fewest removals whose planned output is within the limit, what compensation adds included. Sizes fall with every block that
    /// goes, so the first number that fits is the fewest. Refuses a limit that no number reaches (MKA061).
    /// </summary>
    /// <param name="least">Numbers below this cannot fit, whichever blocks go.</param>
    public T BySize(long limit, int least, Func<T, long> size)
    {
        var smallest = long.MaxValue;
        for (var count = Math.Min(least, most); count <= most; count++)
        {
            var chosen = choose(count);
            var planned = size(chosen);
            smallest = Math.Min(smallest, planned);
            var finished = planned <= limit ? finish(chosen) : chosen;
            var bytes = ReferenceEquals(finished, chosen) ? planned : size(finished);
            if (bytes <= limit)
            {
                note($"{said(count)} must go: the fewest whose result, {bytes:N0} bytes, is within {limit:N0}");
                return finished;
            }

            release(finished);
        }

        throw new RefusedException(
            "MKA061",
            $"{limit:N0} bytes",
            $"even without the {said(most)} that can go the result has {smallest:N0} bytes",
            "Allow more, lower --protect-first or --protect-last, or quantise the result");
    }

    /// <summary>
    /// The most removals whose loss is within the limit, by bisection: loss is taken to rise with the number of blocks that go.
    /// </summary>
    /// <param name="original">Of the original model, and finite.</param>
    /// <param name="loss">A model without a finite loss is beyond any limit.</param>
    /// <exception cref="QualityGateException">Already one block costs more.</exception>
    public T ByLoss(Loss original, double maxIncrease, Func<T, Loss> loss)
    {
        T? best = null;
        double? least = null;
        var (within, beyond) = (0, most + 1);
        while (beyond - within > 1)
        {
            var count = (within + beyond) / 2;
            var reduction = finish(choose(count));
            var increase = loss(reduction).IncreaseOver(original);
            least = least < increase ? least : increase ?? least;
            var outcome = increase is { } share ? FormattableString.Invariant($"rises by {share:0.0%}") : "is not finite";
            note($"without {said(count)} the perplexity on held-out calibration text {outcome}");
            if (increase <= maxIncrease)
            {
                if (best is not null) release(best);
                (within, best) = (count, reduction);
            }
            else
            {
                release(reduction);
                beyond = count;
            }
        }

        var reached = least is { } rise ? FormattableString.Invariant($"it rises by {rise:0.0%}") : "there is no finite loss";
        return best
            ?? throw new QualityGateException(
                $"No smaller model keeps the perplexity within +{maxIncrease:0.##%} on held-out calibration text: "
                    + $"without {said(1)} {reached}. Nothing was written.");
    }
}
