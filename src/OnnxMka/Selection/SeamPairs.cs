using OnnxMka.Running.Parts;

namespace OnnxMka.Selection;

/// <summary>Takes one token at two seams: rows of the stream's width.</summary>
internal delegate void PairConsumer(ReadOnlySpan<float> x, ReadOnlySpan<float> y);

/// <summary>Two seams side by side.</summary>
internal static class SeamPairs
{
    public static void Each(SeamActivations before, SeamActivations after, bool lastOnly, PairConsumer consumer)
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

    public static double Cosine(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
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
}
