using ILGPU;

// The counts of the Kraskov-Stoegbauer-Grassberger estimator, one thread a sample: X [dx, N], Y [dy, N] -> n_x [N], n_y [N].
//
// eps_i is found by walking up the distinct joint distances, at most k of them, counting ties: no list of neighbours is held,
// so k has no limit. Every step finds one sample more; where distances are not finite none may be found, and k steps end it.
// Only differences, absolute values and comparisons: the counts are those of the CPU, to the last one.


namespace OnnxMka.Alignment.Ilgpu;

internal static class NeighbourScan
{
    public static void Kernel(
        Index1D i,
        ArrayView<double> left,
        int leftDimension,
        ArrayView<double> right,
        int rightDimension,
        int n,
        int neighbours,
        ArrayView<int> leftCounts,
        ArrayView<int> rightCounts)
    {
        double epsilon = -1;
        var within = 0;
        for (var step = 0; step < neighbours && within < neighbours; step++)
        {
            var next = double.MaxValue; // coordinates of unit variance lie within sqrt(N): every distance is far below
            var ties = 0;
            for (var j = 0; j < n; j++)
            {
                var distance = IntrinsicMath.Max(Distance(left, leftDimension, n, i, j), Distance(right, rightDimension, n, i, j));
                if (j == i || distance <= epsilon || distance > next)
                    continue;

                ties = distance < next ? 1 : ties + 1;
                next = distance;
            }

            epsilon = next;
            within += ties;
        }

        int x = 0, y = 0;
        for (var j = 0; j < n; j++)
        {
            if (j == i)
                continue;
            if (Distance(left, leftDimension, n, i, j) < epsilon)
                x++;
            if (Distance(right, rightDimension, n, i, j) < epsilon)
                y++;
        }

        leftCounts[i] = x;
        rightCounts[i] = y;
    }

    /// <summary>Maximum norm.</summary>
    private static double Distance(ArrayView<double> columns, int dimension, int n, int i, int j)
    {
        double distance = 0;
        for (var start = 0; start < dimension * n; start += n)
            distance = IntrinsicMath.Max(distance, IntrinsicMath.Abs(columns[start + j] - columns[start + i]));
        return distance;
    }
}
