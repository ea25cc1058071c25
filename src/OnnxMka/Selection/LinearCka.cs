using System.Collections.Immutable;
using System.Numerics.Tensors;
using OnnxMka.Running.Parts;

namespace OnnxMka.Selection;

/// <summary>The largest linear CKA (Kornblith et al., arXiv 1905.00414) of pooled samples between the two ends of a block.</summary>
internal sealed class LinearCka() : SeamSelector("cka")
{
    internal override ImmutableArray<SelectedBlock> Choose(OriginalSeams seams, int[] candidates, int count, CancellationToken ct)
    {
        var pooled = candidates.Append(candidates[^1] + 1).ToDictionary(b => b, b => Centred(seams[b - 1]));
        var scored = candidates.Select(b =>
        {
            ct.ThrowIfCancellationRequested();
            return new SelectedBlock(b, Of(pooled[b], pooled.TryGetValue(b + 1, out var after) ? after : Centred(seams[b])));
        });
        return [.. scored.OrderByDescending(s => s.Score).Take(count)];
    }

    /// <summary>Linear CKA of centred pooled samples: <c>|X'Y|^2 / (|X'X| |Y'Y|)</c>, through the sample Gram matrices.</summary>
    internal static double Of(double[][] x, double[][] y)
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
