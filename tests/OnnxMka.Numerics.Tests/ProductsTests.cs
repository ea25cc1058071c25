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

    /// <summary>The same in float32, whose tiles are twice as wide.</summary>
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(8, 256, 48)]
    [InlineData(9, 257, 49)]
    [InlineData(71, 600, 113)]
    public void An_entry_in_float32_is_one_running_sum_at_a_time(int n, int k, int m)
    {
        var (a, b) = (Values.Floats(n * k), Values.Floats(k * m, 2));
        var expected = new float[n * m];
        var apart = 0;
        for (var e = 0; e < expected.Length; e++)
        {
            var exact = 0.0;
            for (var first = 0; first < k; first += Panels.Depth)
            {
                var sum = 0f;
                for (var t = first; t < Math.Min(k, first + Panels.Depth); t++)
                {
                    sum = MathF.FusedMultiplyAdd(a[(e / m * k) + t], b[(t * m) + (e % m)], sum);
                    exact += (double)a[(e / m * k) + t] * b[(t * m) + (e % m)];
                }

                expected[e] += sum;
            }

            if ((float)exact != expected[e]) apart++;
        }

        Assert.Equal(expected, Dense.Multiply(a, b, n, k, m));
        Assert.Equal(expected, Dense.TurnedMultiply(Turned(a, n, k), b, n, k, m));
        if (k > 2) Assert.True(apart > 0, "the control: sums in float64");

        static float[] Turned(float[] matrix, int n, int m)
        {
            var turned = new float[matrix.Length];
            for (var i = 0; i < matrix.Length; i++) turned[(i % m * n) + (i / m)] = matrix[i];
            return turned;
        }
    }

    [Fact]
    public void Sums_of_float32_numbers_in_float64_are_those_of_the_same_numbers()
    {
        const int N = 53, K = 300;
        var (a, b) = (Values.Floats(K * N), Values.Floats(K * N, 2));
        Assert.Equal(Dense.Gram(Doubles(a), K, N), Dense.Gram(a, K, N));
        var whole = Dense.TurnedMultiply(Doubles(a), Doubles(b), N, K, N);
        var lower = Dense.TurnedLower(a, b, K, N);
        for (var e = 0; e < lower.Length; e++) Assert.Equal(e % N > e / N ? 0 : whole[e], lower[e]);

        static double[] Doubles(float[] values) => [.. values.Select(v => (double)v)];
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
