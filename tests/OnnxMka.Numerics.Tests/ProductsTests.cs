using System.Runtime.Intrinsics;

namespace OnnxMka.Numerics.Tests;

/// <summary>
/// Every bit of a product: an entry is a running sum over 256 terms at a time, whatever tile, thread or vector it falls to.
/// </summary>
public sealed class ProductsTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(8, 256, 24)]
    [InlineData(9, 257, 25)]
    [InlineData(71, 600, 113)]
    [InlineData(131, 31, 415)]
    public void An_entry_is_one_running_sum_at_a_time(int n, int k, int m)
    {
        var (a, b) = (Values.Of(n * k), Values.Of(k * m, 2));
        var expected = new double[n * m];
        var reversed = 0;
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < m; j++)
            {
                expected[(i * m) + j] = Sum(a, b, i, j, 0, k, 1);
                if (Sum(a, b, i, j, 0, k, -1) != expected[(i * m) + j]) reversed++;
            }
        }

        Assert.Equal(expected, Dense.Multiply(a, b, n, k, m));
        Assert.Equal(expected, Dense.MultiplyTurned(a, Dense.Transpose(b, k, m), n, k, m));
        if (k > 2) Assert.True(reversed > 0, "the control: the other order gives other bits");

        double Sum(double[] x, double[] y, int i, int j, int from, int end, int step)
        {
            var total = 0.0;
            for (var first = from; first < end; first += Panels.Depth)
            {
                var sum = 0.0;
                var terms = Enumerable.Range(first, Math.Min(Panels.Depth, end - first));
                foreach (var t in step > 0 ? terms : terms.Reverse()) sum = Math.FusedMultiplyAdd(x[(i * k) + t], y[(t * m) + j], sum);
                total += sum;
            }

            return total;
        }
    }

    [Fact]
    public void A_lower_half_is_that_of_the_whole_and_leaves_the_rest()
    {
        const int N = 77, K = 300;
        var x = Values.Of(K * N);
        var whole = Dense.Multiply(Dense.Transpose(x, K, N), x, N, K, N);
        Assert.Equal(whole, Dense.Gram(x, K, N));

        var (left, right) = (Panels.Left<double>(), Panels.Right<double>());
        left.TakeColumns(x, N, 0, 50, 0, N);
        right.TakeColumns(x, N, 0, 50, 0, N);
        var target = new double[N * N];
        Array.Fill(target, double.NaN);
        Products.Write(target, 0, N, left, right, 1, keep: false, lower: true);
        for (var i = 0; i < N; i++)
        {
            for (var j = 0; j < N; j++) Assert.Equal(j > i, double.IsNaN(target[(i * N) + j]));
        }
    }

    [Fact]
    public void Products_are_taken_off_and_kept()
    {
        const int N = 30, K = 11;
        var (a, b, c) = (Values.Of(N * K), Values.Of(K * N, 2), Values.Of(N * N, 3));
        var product = Dense.Multiply(a, b, N, K, N);
        double[] target = [.. c];
        var (left, right) = (Panels.Left<double>(), Panels.Right<double>());
        left.TakeRows(a, K, 0, N, 0, K);
        right.TakeColumns(b, N, 0, K, 0, N);
        Products.Write(target, 0, N, left, right, -1, keep: true);
        Assert.Equal(c.Zip(product, (p, q) => p - q), target);
    }

    /// <summary>Run by itself with narrower vectors, this shows that the narrower kernel is what ran.</summary>
    [Fact]
    public void The_kernel_is_that_of_the_vectors_at_hand()
    {
        if (Environment.GetEnvironmentVariable("VECTORS") is not { } bits) return;
        Assert.Equal(int.Parse(bits, System.Globalization.CultureInfo.InvariantCulture) >= 512, Vector512.IsHardwareAccelerated);
    }
}
