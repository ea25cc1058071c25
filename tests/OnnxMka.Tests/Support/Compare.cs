namespace OnnxMka.Tests;

/// <summary>Distances between logits.</summary>
internal static class Compare
{
    /// <summary>Largest difference, relative to the largest magnitude of <paramref name="expected"/>.</summary>
    public static double Relative(IEnumerable<double> expected, IEnumerable<float> actual)
    {
        var reference = expected.ToArray();
        var difference = reference.Zip(actual, (e, a) => Math.Abs(e - a)).Max();
        return difference / reference.Max(Math.Abs);
    }

    public static double Relative(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        return Relative(expected.Select(e => (double)e), actual);
    }
}
