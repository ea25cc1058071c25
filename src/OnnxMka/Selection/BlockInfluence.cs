using System.Collections.Immutable;
using OnnxMka.Running.Parts;

namespace OnnxMka.Selection;

/// <summary>The smallest block influence, <c>1 - mean cos(x_l, x_l+1)</c> over tokens (ShortGPT, arXiv 2403.03853).</summary>
internal sealed class BlockInfluence() : SeamSelector("bi")
{
    internal override ImmutableArray<SelectedBlock> Choose(OriginalSeams seams, int[] candidates, int count, CancellationToken ct)
    {
        var scored = candidates.Select(b =>
        {
            ct.ThrowIfCancellationRequested();
            return new SelectedBlock(b, Of(seams[b - 1], seams[b]));
        });
        // The order of blocks breaks ties, so that equal scores give the same choice everywhere.
        return [.. scored.OrderBy(s => s.Score).Take(count)];
    }

    /// <summary><c>1 - mean cos</c> of what a block takes and leaves, over all tokens.</summary>
    internal static double Of(SeamActivations before, SeamActivations after)
    {
        double sum = 0;
        SeamPairs.Each(before, after, lastOnly: false, (x, y) => sum += SeamPairs.Cosine(x, y));
        return 1 - (sum / before.Set.TokenCount);
    }
}
