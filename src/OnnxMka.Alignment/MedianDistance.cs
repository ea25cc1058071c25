// sigma = median of D[i,j], i < j, from the squared distances: D2 [N, N] -> sigma.
//
// The square root never reverses an order, so the middle of D is the root of the middle of D2; of an even count, the
// mean of the two middle distances. Selection by radix: non-negative doubles sort as their bit patterns do, and four
// passes of 16 bits fix the wanted one. No copy, no sort; N(N-1)/2 values are read five times.

namespace OnnxMka.Alignment;

internal static class MedianDistance
{
    private const int DigitBits = 16;

    /// <param name="squared">D2 [N, N], symmetric, not negative.</param>
    /// <param name="n">N, at least 2.</param>
    public static double Of(double[] squared, int n)
    {
        var count = (long)n * (n - 1) / 2;
        var (lower, atMost) = Select(squared, n, (count - 1) / 2);
        if (count % 2 == 1)
            return Math.Sqrt(lower);

        var upper = atMost > count / 2 ? lower : SmallestAbove(squared, n, lower);
        return 0.5 * (Math.Sqrt(lower) + Math.Sqrt(upper));
    }

    /// <summary>The value of the given rank (from 0), and how many values are not greater than it.</summary>
    private static (double Value, long AtMost) Select(double[] squared, int n, long rank)
    {
        var histogram = new long[1 << DigitBits];
        ulong prefix = 0;
        long below = 0;
        for (var shift = 64 - DigitBits; ; shift -= DigitBits)
        {
            Array.Clear(histogram);
            for (var i = 0; i < n - 1; i++)
            {
                foreach (var value in UpperRow(squared, n, i))
                {
                    var bits = BitConverter.DoubleToUInt64Bits(value) >> shift;
                    if (bits >> DigitBits == prefix)
                        histogram[bits & ((1 << DigitBits) - 1)]++;
                }
            }

            var digit = 0;
            while (below + histogram[digit] <= rank)
                below += histogram[digit++];
            prefix = (prefix << DigitBits) | (uint)digit;
            if (shift == 0)
                return (BitConverter.UInt64BitsToDouble(prefix), below + histogram[digit]);
        }
    }

    private static double SmallestAbove(double[] squared, int n, double floor)
    {
        var smallest = double.PositiveInfinity;
        for (var i = 0; i < n - 1; i++)
        {
            foreach (var value in UpperRow(squared, n, i))
            {
                if (value > floor && value < smallest)
                    smallest = value;
            }
        }

        return smallest;
    }

    /// <summary>D2[i, i+1..N-1].</summary>
    private static ReadOnlySpan<double> UpperRow(double[] squared, int n, int i) => squared.AsSpan((i * n) + i + 1, n - i - 1);
}
