namespace OnnxMka.Alignment.Tests;

public sealed class MedianDistanceTests
{
    [Theory]
    [InlineData(2)] // 1 distance
    [InlineData(3)] // 3
    [InlineData(4)] // 6: even
    [InlineData(5)] // 10: even
    [InlineData(6)] // 15
    [InlineData(77)]
    [InlineData(80)]
    public void IsTheMiddleOfTheSortedDistances(int n)
    {
        var random = new Random(n);
        for (var repeat = 0; repeat < 20; repeat++)
        {
            // Few distinct values every other time, so that the middle falls among ties; wide magnitudes otherwise.
            var few = repeat % 2 == 0;
            var squared = Symmetric(n, () => few ? random.Next(4) : Math.Exp((40 * random.NextDouble()) - 20));
            var sorted = Above(squared, n).Select(Math.Sqrt).Order().ToArray();
            var expected = 0.5 * (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]);
            Assert.Equal(expected, MedianDistance.Of(squared, n)); // the same bits: no arithmetic but a root and a mean
        }
    }

    private static double[] Symmetric(int n, Func<double> next)
    {
        var squared = new double[n * n];
        for (var i = 0; i < n; i++)
        {
            for (var j = i + 1; j < n; j++)
                squared[(i * n) + j] = squared[(j * n) + i] = next();
        }

        return squared;
    }

    private static IEnumerable<double> Above(double[] squared, int n) =>
        Enumerable.Range(0, n).SelectMany(i => squared[((i * n) + i + 1)..((i + 1) * n)]);
}
