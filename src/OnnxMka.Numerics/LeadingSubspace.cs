using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>
/// The subspace of the largest eigenvalues of a symmetric positive semidefinite matrix that is known by its products alone: subspace
/// iteration from a random start (Halko, Martinsson and Tropp, arXiv 0909.4061), with Chebyshev polynomials that hold down what lies below
/// the smallest value seen (Zhou and Saad, 2007), orthonormalisation between, and the best part of what is spanned. Six products; the same
/// start each time.
/// </summary>
internal static class LeadingSubspace
{
    private const int LeastSpare = 16; // dimensions beyond those asked for, or an eighth of them
    private const int Filters = 2;
    private const int Sweeps = 8; // of inverse iteration, each the work of two solves with a few right sides
    private const int Seed = 20_161;

    /// <summary>Orthonormal columns [n, rank].</summary>
    /// <param name="product">A Y for Y [n, k], in new memory.</param>
    /// <param name="rank">1..n</param>
    /// <exception cref="ArgumentException">The rank is out of range, or A is not finite.</exception>
    public static double[] Of(Func<double[], int, double[]> product, int n, int rank)
    {
        if (rank < 1 || rank > n) throw new ArgumentException($"{rank} of {n} dimensions", nameof(rank));
        var width = Math.Min(n, rank + Math.Max(LeastSpare, rank / 8));
        var basis = Start(n, width);
        var image = product(basis, width);

        // A little of the identity: the same subspace, and columns that stay independent where A has fewer dimensions.
        var size = TensorPrimitives.Norm<double>(image) / TensorPrimitives.Norm<double>(basis);
        var lift = size > 0 ? Math.ScaleB(size, -30) : 1;
        TensorPrimitives.MultiplyAdd<double>(basis, lift, image, basis);
        Orthonormal.Make(basis, n, width);
        if (width == rank) return basis;
        for (var i = 0; i < Filters; i++)
        {
            image = Product(basis);
            var smallest = Smallest(Projected(basis, image), width, 1).Value;
            Filter(basis, image, smallest);
            Orthonormal.Make(basis, n, width);
        }

        var left = Smallest(Projected(basis, Product(basis)), width, width - rank).Columns;
        return Dense.Multiply(basis, Complement(left, width, width - rank), n, width, rank);

        double[] Product(double[] columns)
        {
            var result = product(columns, width);
            TensorPrimitives.MultiplyAdd<double>(columns, lift, result, result);
            return result;
        }

        double[] Projected(double[] columns, double[] images) =>
            Dense.TurnedMultiply(columns, images, width, n, width);

        // The second Chebyshev polynomial of 2 A / bound - I: at most 1 for values up to the bound, and steep beyond.
        void Filter(double[] columns, double[] images, double bound)
        {
            TensorPrimitives.Multiply<double>(images, 2 / bound, images);
            TensorPrimitives.Subtract<double>(images, columns, images);
            var next = Product(images);
            TensorPrimitives.Multiply<double>(next, 2 / bound, next);
            TensorPrimitives.Subtract<double>(next, images, next);
            TensorPrimitives.Multiply<double>(next, 2, next);
            TensorPrimitives.Subtract<double>(next, columns, columns);
        }
    }

    private static double[] Start(int n, int width)
    {
        var random = new Random(Seed);
        var start = new double[checked(n * width)];
        for (var i = 0; i < start.Length; i++)
            start[i] = random.NextDouble() + random.NextDouble() - random.NextDouble() - random.NextDouble();
        return start;
    }

    /// <summary>
    /// Orthonormal columns [size, count] of the smallest eigenvalues, by inverse iteration with a few more, and the smallest value. What
    /// lies too close together to be told apart is worth the same.
    /// </summary>
    private static (double[] Columns, double Value) Smallest(double[] matrix, int size, int count)
    {
        double[] memory = [.. matrix];
        var factor = Cholesky.Of(memory, size) ?? throw new ArgumentException("the matrix has negative eigenvalues", nameof(matrix));
        var tried = Math.Min(size, count + Math.Max(LeastSpare / 2, count / 4));
        var columns = Start(size, tried);
        for (var sweep = 0; sweep < Sweeps; sweep++)
        {
            var rows = Dense.Transpose(columns, size, tried);
            factor.Solve(rows);
            columns = Dense.Transpose(rows, tried, size);
            Orthonormal.Make(columns, size, tried);
        }

        var small = Dense.TurnedMultiply(columns, Dense.Multiply(matrix, columns, size, size, tried), tried, size, tried);
        var pairs = DenseEigen.Leading(tried, (i, j) => -(small[(i * tried) + j] + small[(j * tried) + i]) / 2, count);
        double[] shares = [.. pairs.Vectors.SelectMany(v => v)];
        return (Dense.MultiplyTurned(columns, shares, size, tried, count), -pairs.Values[0]);
    }

    /// <summary>
    /// Orthonormal columns [size, size - count] at right angles to those: the last columns of their Householder reflections.
    /// </summary>
    private static double[] Complement(double[] columns, int size, int count)
    {
        var turned = Dense.Transpose(columns, size, count); // one vector a row
        var reflections = new List<double[]>();
        for (var k = 0; k < count; k++)
        {
            var vector = turned.AsSpan(k * size, size).ToArray();
            foreach (var known in reflections) Reflect(known, vector);
            vector.AsSpan(0, k).Clear();
            vector[k] += Math.CopySign(TensorPrimitives.Norm<double>(vector), vector[k]);
            TensorPrimitives.Divide<double>(vector, TensorPrimitives.Norm<double>(vector), vector);
            reflections.Add(vector);
        }

        var rows = new double[(size - count) * size];
        for (var k = count; k < size; k++)
        {
            var row = rows.AsSpan((k - count) * size, size);
            row[k] = 1;
            for (var i = reflections.Count - 1; i >= 0; i--) Reflect(reflections[i], row);
        }

        return Dense.Transpose(rows, size - count, size);
    }

    private static void Reflect(double[] reflection, Span<double> vector) =>
        TensorPrimitives.MultiplyAdd(reflection, -2 * TensorPrimitives.Dot<double>(reflection, vector), vector, vector);
}
