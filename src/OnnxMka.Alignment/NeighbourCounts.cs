using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

// The counts of the Kraskov-Stoegbauer-Grassberger estimator (Phys. Rev. E 69, 066138, fig. 1 and text before eq. 8):
// X [dx, N], Y [dy, N] -> n_x [N], n_y [N].
//
//   |z_i - z_j| = max over both spaces of the maximum-norm distances;  eps_i = the k-th smallest over j != i
//   n_x(i) = #{ j != i : |x_i - x_j| < eps_i },  strictly;  n_y likewise
//
// Differences, absolute values and maxima are exact comparisons of rounded differences: no sum is involved, so
// vectorised and plain loops agree to the last bit.


namespace OnnxMka.Alignment;

internal static class NeighbourCounts
{
    private const int Lanes = 8;

    public static void Count(ScaledCoordinates left, ScaledCoordinates right, int neighbours, Span<int> leftCounts, Span<int> rightCounts)
    {
        var n = left.Samples;
        var padded = (n + Lanes - 1) / Lanes * Lanes;
        var x = Padded(left, padded); // [dx, padded]
        var y = Padded(right, padded); // [dy, padded]
        var dx = new double[padded]; // distances from sample i, +infinity beyond N and at i itself
        var dy = new double[padded];
        Span<double> nearest = stackalloc double[Math.Min(neighbours, 256)];
        if (neighbours > nearest.Length)
            nearest = new double[neighbours];

        for (var i = 0; i < n; i++)
        {
            Distances(x, i, padded, dx);
            Distances(y, i, padded, dy);
            dx[i] = double.PositiveInfinity;
            dy[i] = double.PositiveInfinity;
            var epsilon = KthSmallestMaximum(dx, dy, nearest);
            leftCounts[i] = CountBelow(dx, epsilon);
            rightCounts[i] = CountBelow(dy, epsilon);
        }
    }

    /// <summary>Each column lengthened to a multiple of eight by values infinitely far from all others.</summary>
    private static double[] Padded(ScaledCoordinates coordinates, int padded)
    {
        var values = new double[coordinates.Dimension * padded];
        Array.Fill(values, double.PositiveInfinity);
        for (var k = 0; k < coordinates.Dimension; k++)
            coordinates.Column(k).CopyTo(values.AsSpan(k * padded));
        return values;
    }

    /// <summary>Maximum-norm distances of sample i to all: [d, padded] -> [padded].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // at once, not after a number of slow calls: most processes score once
    private static void Distances(double[] columns, int i, int padded, double[] distances)
    {
        var result = MemoryMarshal.Cast<double, Vector512<double>>(distances.AsSpan());
        for (var start = 0; start < columns.Length; start += padded)
        {
            var column = MemoryMarshal.Cast<double, Vector512<double>>(columns.AsSpan(start, padded));
            var own = Vector512.Create(columns[start + i]);
            if (start == 0)
            {
                for (var j = 0; j < column.Length; j++)
                    result[j] = Vector512.Abs(column[j] - own);
            }
            else
            {
                for (var j = 0; j < column.Length; j++)
                    result[j] = Vector512.MaxNative(result[j], Vector512.Abs(column[j] - own));
            }
        }
    }

    /// <summary>
    /// The k-th smallest of max(dx, dy), k being the length of <paramref name="nearest"/>, kept sorted while going along.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // at once, not after a number of slow calls: most processes score once
    private static double KthSmallestMaximum(double[] dx, double[] dy, Span<double> nearest)
    {
        nearest.Fill(double.PositiveInfinity);
        var left = MemoryMarshal.Cast<double, Vector512<double>>(dx.AsSpan());
        var right = MemoryMarshal.Cast<double, Vector512<double>>(dy.AsSpan());
        var last = nearest.Length - 1;
        for (var j = 0; j < left.Length; j++)
        {
            var joint = Vector512.MaxNative(left[j], right[j]);
            var closer = Vector512.LessThan(joint, Vector512.Create(nearest[last])).ExtractMostSignificantBits();
            for (; closer != 0; closer &= closer - 1)
            {
                var value = joint.GetElement(System.Numerics.BitOperations.TrailingZeroCount(closer));
                if (value >= nearest[last])
                    continue;

                var place = last;
                for (; place > 0 && nearest[place - 1] > value; place--)
                    nearest[place] = nearest[place - 1];
                nearest[place] = value;
            }
        }

        return nearest[last];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // at once, not after a number of slow calls: most processes score once
    private static int CountBelow(double[] distances, double epsilon)
    {
        var bound = Vector512.Create(epsilon);
        var count = Vector512<long>.Zero;
        foreach (var distance in MemoryMarshal.Cast<double, Vector512<double>>(distances.AsSpan()))
            count -= Vector512.LessThan(distance, bound).AsInt64(); // a true lane is -1
        return (int)Vector512.Sum(count);
    }
}
