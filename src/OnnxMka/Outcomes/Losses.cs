namespace OnnxMka.Outcomes;

/// <summary>Choices by the least of several losses, and losses that must be there.</summary>
internal static class Losses
{
    private const string Next = "The model overflows or its weights hold NaN; fp16 models may need fp32 or another execution provider";

    /// <summary>
    /// What has the least loss; the first of equals. Refuses (MKA033) where no loss is finite, with the blocks of the first.
    /// </summary>
    /// <param name="without">Names of the blocks that a candidate is without.</param>
    public static T Least<T>(IEnumerable<T> candidates, Func<T, Loss> loss, Func<T, IEnumerable<string>> without)
        where T : notnull
    {
        var best = candidates.MinBy(loss)!;
        if (loss(best) is { IsFinite: false } none)
        {
            string[] blocks = [.. without(best)];
            var (where, it) = blocks.Length == 1 ? ($"block {blocks[0]}", "it") : ($"blocks {string.Join(", ", blocks)}", "them");
            throw new RefusedException(
                "MKA033",
                where,
                $"the loss on calibration text is not finite without {it} ({none.Reason}), nor with anything else that was tried",
                Next);
        }

        return best;
    }

    /// <summary>The loss of the model as it came, which others are measured by. Refuses (MKA033) one that is not finite.</summary>
    public static Loss OfOriginal(Loss loss) =>
        loss.IsFinite ? loss : throw new RefusedException("MKA033", "the input", $"its own loss is not finite ({loss.Reason})", Next);
}
