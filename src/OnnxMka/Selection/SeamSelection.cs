using System.Numerics.Tensors;
using OnnxMka.Running.Parts;

namespace OnnxMka.Selection;

/// <summary>Selection from the seams of one pass: block influence, angular distance, CKA.</summary>
internal static class SeamSelection
{
    /// <param name="candidates">Blocks that may go.</param>
    public static SelectionReport Choose(SelectionKind kind, OriginalSeams seams, int[] candidates, int count, CancellationToken ct)
    {
        if (kind == SelectionKind.Angular) return Window(seams, candidates, count, ct);
        var pooled = kind == SelectionKind.Cka ? candidates.Append(candidates[^1] + 1).ToDictionary(b => b, b => Centred(seams[b - 1])) : null;
        var scored = candidates.Select(b =>
        {
            ct.ThrowIfCancellationRequested();
            return new SelectedBlock(b, pooled is null ? Influence(seams[b - 1], seams[b]) : Cka(pooled[b], pooled[b + 1]));
        });
        // The order of blocks breaks ties, so that equal scores give the same choice everywhere.
        var best = pooled is null ? scored.OrderBy(s => s.Score) : scored.OrderByDescending(s => s.Score);
        return new SelectionReport(kind, [.. best.Take(count)]);
    }

    /// <summary><c>1 - mean cos</c> of what a block takes and leaves, over all tokens.</summary>
    internal static double Influence(SeamActivations before, SeamActivations after)
    {
        double sum = 0;
        Rows(before, after, (x, y) => sum += Cosine(x, y), lastOnly: false);
        return 1 - (sum / before.Set.TokenCount);
    }

    /// <summary><c>arccos(cos) / pi</c> of two seams at the last token, mean over samples.</summary>
    internal static double Angle(SeamActivations before, SeamActivations after)
    {
        double sum = 0;
        Rows(before, after, (x, y) => sum += Math.Acos(Math.Clamp(Cosine(x, y), -1, 1)) / Math.PI, lastOnly: true);
        return sum / before.Set.Count;
    }

    /// <summary>Linear CKA of centred pooled samples: <c>|X'Y|^2 / (|X'X| |Y'Y|)</c>, through the sample Gram matrices.</summary>
    internal static double Cka(double[][] x, double[][] y)
    {
        double xy = 0, xx = 0, yy = 0;
        for (var i = 0; i < x.Length; i++)
        {
            for (var j = 0; j < x.Length; j++)
            {
                var (a, b) = (TensorPrimitives.Dot<double>(x[i], x[j]), TensorPrimitives.Dot<double>(y[i], y[j]));
                xy += a * b;
                xx += a * a;
                yy += b * b;
            }
        }

        return xx > 0 && yy > 0 ? xy / Math.Sqrt(xx * yy) : 0;
    }

    private static SelectionReport Window(OriginalSeams seams, int[] candidates, int count, CancellationToken ct)
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
        return new SelectionReport(SelectionKind.Angular, [.. Enumerable.Range(best.First, count).Select(b => new SelectedBlock(b, best.Angle))]);
    }

    private delegate void PairConsumer(ReadOnlySpan<float> x, ReadOnlySpan<float> y);

    private static void Rows(SeamActivations before, SeamActivations after, PairConsumer consumer, bool lastOnly)
    {
        var (length, width) = (before.Set.Length, before.Width);
        var (x, y) = (new float[length * width], new float[length * width]);
        for (var sample = 0; sample < before.Set.Count; sample++)
        {
            before.ReadFloats(sample, x);
            after.ReadFloats(sample, y);
            for (var t = lastOnly ? length - 1 : 0; t < length; t++) consumer(x.AsSpan(t * width, width), y.AsSpan(t * width, width));
        }
    }

    private static double Cosine(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        double xy = 0, xx = 0, yy = 0;
        for (var i = 0; i < x.Length; i++)
        {
            xy += (double)x[i] * y[i];
            xx += (double)x[i] * x[i];
            yy += (double)y[i] * y[i];
        }

        return xx > 0 && yy > 0 ? xy / Math.Sqrt(xx * yy) : 0;
    }

    /// <summary>Mean over the tokens of each sample, less the mean over samples.</summary>
    private static double[][] Centred(SeamActivations seam)
    {
        var (length, width) = (seam.Set.Length, seam.Width);
        var values = new float[length * width];
        var rows = new double[seam.Set.Count][];
        var mean = new double[width];
        for (var sample = 0; sample < rows.Length; sample++)
        {
            seam.ReadFloats(sample, values);
            var row = rows[sample] = new double[width];
            for (var i = 0; i < values.Length; i++) row[i % width] += (double)values[i] / length;
            for (var i = 0; i < width; i++) mean[i] += row[i] / rows.Length;
        }

        foreach (var row in rows)
        {
            for (var i = 0; i < width; i++) row[i] -= mean[i];
        }

        return rows;
    }
}
