namespace OnnxMka.Running.Sessions;

/// <summary>Comparison of logits.</summary>
internal static class LogitRows
{
    /// <summary>Largest difference of two logits; equal infinities (tokens that are ruled out) differ by nothing, and NaN wins.</summary>
    public static double Distance(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        if (a.Length != b.Length) return double.NaN;
        double largest = 0;
        for (var i = 0; i < a.Length; i++)
        {
            if (a[i] == b[i]) continue;
            var difference = Math.Abs((double)a[i] - b[i]);
            if (!(difference <= double.MaxValue)) return double.NaN;
            largest = Math.Max(largest, difference);
        }

        return largest;
    }

    /// <summary>Largest finite magnitude; 0 where there is none.</summary>
    public static double Scale(float[] logits) => logits.Where(float.IsFinite).Select(v => Math.Abs((double)v)).DefaultIfEmpty(0).Max();

    public static double Larger(double a, double b) => double.IsNaN(a) || double.IsNaN(b) ? double.NaN : Math.Max(a, b);
}
