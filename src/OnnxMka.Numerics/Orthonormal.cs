namespace OnnxMka.Numerics;

/// <summary>
/// Orthonormal columns of the same span, by repeated Cholesky of their products (shifted CholeskyQR, Fukaya et al., arXiv 1809.11085):
/// matrix products nearly alone.
/// </summary>
internal static class Orthonormal
{
    /// <summary>A shifted pass lowers the condition to some 1e8, one more to near 1, and one more makes it 1.</summary>
    private const int MostPasses = 6;

    /// <summary>In the memory of the matrix. Refuses columns that do not span as many dimensions as they are.</summary>
    /// <param name="columns">[n, k], row-major, n at least k.</param>
    /// <exception cref="ArgumentException">The columns depend on each other, or are not finite.</exception>
    public static void Make(double[] columns, int n, int k)
    {
        for (var pass = 0; pass < MostPasses; pass++)
        {
            var gram = Dense.Gram(columns, n, k);
            var distance = Distance(gram, k);
            if (distance <= Roundings(n, k)) return;
            Factor(gram, n, k).Factor.Forward(columns, 0);

            // The condition was below 2 (Gershgorin): what a pass leaves then is rounding, and another would leave as much.
            if (k * distance <= 0.5) return;
        }

        throw Dependent();
    }

    /// <summary>
    /// Float32 columns become nearly orthonormal, by products in float64: of a condition that lets them be multiplied again.
    /// </summary>
    /// <param name="columns">[n, k], row-major, n at least k.</param>
    /// <returns>The factor of their products; null where that had to be shifted.</returns>
    /// <exception cref="ArgumentException">The columns depend on each other, or are not finite.</exception>
    public static (Cholesky Factor, double[] Gram)? Make(float[] columns, int n, int k)
    {
        for (var pass = 0; pass < MostPasses; pass++)
        {
            var gram = Dense.Gram(columns, n, k);
            var (factor, isShifted) = Factor([.. gram], n, k);
            factor.Forward(columns);
            if (!isShifted) return pass == 0 ? (factor, gram) : null;
        }

        throw Dependent();
    }

    /// <summary>
    /// Largest entry of <c>Q'Q - I</c> that is put down to rounding: sums of n products below 1, and k more in the solve.
    /// </summary>
    public static double Roundings(int n, int k) => 8 * Math.Sqrt(n + k) * Math.ScaleB(1, -53);

    /// <summary>
    /// The factor of products of columns, which are written over; where they have none, that of a little more than they are.
    /// </summary>
    private static (Cholesky Factor, bool IsShifted) Factor(double[] gram, int n, int k)
    {
        double[] shifted = [.. gram];
        if (Cholesky.Of(gram, k) is { } plain) return (plain, false);
        var trace = Enumerable.Range(0, k).Sum(i => shifted[(i * k) + i]);
        var shift = 11 * ((double)n * k + (k * (k + 1.0))) * Math.ScaleB(1, -53) * trace;
        for (var i = 0; i < k; i++) shifted[(i * k) + i] += shift;
        return (Cholesky.Of(shifted, k) ?? throw Dependent(), true);
    }

    private static ArgumentException Dependent() => new("the columns depend on each other, or are not finite");

    private static double Distance(double[] gram, int k)
    {
        var worst = 0.0;
        for (var i = 0; i < k; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                var distance = Math.Abs(gram[(i * k) + j] - (i == j ? 1 : 0));
                if (!(distance <= worst)) worst = distance; // NaN too
            }
        }

        return worst;
    }
}
