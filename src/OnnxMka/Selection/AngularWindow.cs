using System.Collections.Immutable;
using OnnxMka.Running.Parts;

namespace OnnxMka.Selection;

/// <summary>The run of n blocks with the smallest angle between its two ends at the last token (Gromov et al., arXiv 2403.17887).</summary>
internal sealed class AngularWindow() : SeamSelector("angular")
{
    internal override ImmutableArray<SelectedBlock> Choose(OriginalSeams seams, int[] candidates, int count, CancellationToken ct)
    {
        var runs = candidates.Where(first => Enumerable.Range(first, count).All(candidates.Contains)).ToArray();
        if (runs.Length == 0)
        {
            throw new RefusedException(
                "MKA040", $"{count} blocks", "no so long a run of blocks can go: others that have to stay lie between",
                "Ask for fewer, or choose another --select");
        }

        var angles = runs.Select(first =>
        {
            ct.ThrowIfCancellationRequested();
            return (First: first, Angle: Angle(seams[first - 1], seams[first + count - 1]));
        });
        var best = angles.OrderBy(a => a.Angle).First();
        return [.. Enumerable.Range(best.First, count).Select(b => new SelectedBlock(b, best.Angle))];
    }

    /// <summary><c>arccos(cos) / pi</c> of two seams at the last token, mean over samples.</summary>
    internal static double Angle(SeamActivations before, SeamActivations after)
    {
        double sum = 0;
        SeamPairs.Each(before, after, lastOnly: true, (x, y) => sum += Math.Acos(Math.Clamp(SeamPairs.Cosine(x, y), -1, 1)) / Math.PI);
        return sum / before.Set.Count;
    }
}
