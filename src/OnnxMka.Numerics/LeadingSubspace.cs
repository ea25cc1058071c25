using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>
/// The subspace of the largest eigenvalues of a symmetric positive semidefinite A, by block power iteration from a random start (Halko,
/// Martinsson and Tropp, arXiv 0909.4061) with shifts that hold down what is not asked for, and the best part of its last image
/// (Nystroem's approximation, Tropp et al., arXiv 1706.05736): three products, and one with the start. The same bits each time.
/// <code>
/// Q0 = orth(A S);  Q1 = orth(A Q0);  Q2 = orth(A Q1 - s Q1);  Y = A Q2 - t Q2;  Q2'Y = L L';  B = Y L'^-1
/// </code>
/// The leading eigenvectors of <c>B B'</c> are the result. Below s is no singular value of A Q0, below t none of Q2'A Q2, and so neither is
/// above any eigenvalue of what the columns span at best (Courant and Fischer): the shifts keep the order of those.
/// <para>
/// Products, and what is divided by triangles, are in float32; sums of squares and the choice of the part in float64. The result is
/// orthonormal in float64, and as near to the best as exact products would be for some A + E: it leaves out at most 2 rank |E| more of the
/// trace (Ky Fan), with |E| about <see cref="Rounding"/> of A's Frobenius norm at most. Eigenvalues below that are not told apart.
/// </para>
/// </summary>
internal static class LeadingSubspace
{
    /// <summary>
    /// Norm of E by the Frobenius norm of A: an entry of A is rounded by 2^-24 of itself, a sum of 256 terms by 16 times that (its
    /// roundings have no common sign), and what is added of the identity is 2^-16 of the root mean square of the eigenvalues, which counts
    /// as none: it moves no eigenvector.
    /// </summary>
    public static readonly double Rounding = Math.ScaleB(1, -19);

    private const int LeastSpare = 16; // dimensions beyond those asked for, or a quarter of them
    private const double Near = 15.0 / 16; // of a singular value, to shift by: where all are the same, something is left
    private const double Far = 3.0 / 4; // of the last image's smallest value: what is divided by its factor stays of its size
    private const float Seen = 64; // times what is added of the identity: a shift below that would be rounding
    private const int Sweeps = 8; // of inverse iteration, each the work of two solves with a few right sides

    /// <summary>Orthonormal columns [n, rank].</summary>
    /// <param name="matrix">A, of size n.</param>
    /// <param name="rank">1..n</param>
    /// <exception cref="ArgumentException">The rank is out of range, or A has eigenvalues well below zero.</exception>
    public static double[] Of(Semidefinite matrix, int rank)
    {
        var n = matrix.Size;
        if (rank < 1 || rank > n) throw new ArgumentException($"{rank} of {n} dimensions", nameof(rank));
        var width = Math.Min(n, rank + Math.Max(LeastSpare, rank / 4));
        var start = new Signs(n, width);
        var (basis, image) = (start.Columns(), matrix.Times(start));

        // A little of the identity: the same subspace, and columns that stay independent where A has fewer dimensions.
        var size = TensorPrimitives.Norm<float>(image) / TensorPrimitives.Norm<float>(basis);
        var lift = size > 0 ? MathF.ScaleB(1, Math.ILogB(size) - 16) : 1;
        Add(image, lift, basis);
        Orthonormal.Make(image, n, width);
        (basis, image) = (image, Product(image));
        var shift = Orthonormal.Make(image, n, width) is { } squares
            ? Seeable(Near * Math.Sqrt(Math.Max(0, Smallest(squares.Gram, squares.Factor, width, 1).Value)))
            : 0;
        (basis, image) = (image, Product(image));
        Add(image, -shift, basis);
        Orthonormal.Make(image, n, width);
        return Best(image, Product(image), n, width, rank, Seeable);

        float[] Product(float[] columns)
        {
            var result = matrix.Times(columns, width);
            Add(result, lift, columns);
            return result;
        }

        float Seeable(double value) => value > Seen * lift ? (float)value : 0;
    }

    private static void Add(float[] images, float factor, float[] columns) =>
        TensorPrimitives.MultiplyAdd<float>(columns, factor, images, images);

    /// <summary>The leading eigenvectors of Nystroem's approximation from Q [n, width] and A Q, which is written over.</summary>
    private static double[] Best(float[] basis, float[] image, int n, int width, int rank, Func<double, float> seeable)
    {
        var core = Dense.TurnedLower(basis, image, n, width);
        Dense.MirrorLower(core, width);
        var factor = Factor(core);
        var shift = seeable(Far * Smallest(core, factor, width, 1).Value);
        if (shift > 0)
        {
            Add(image, -shift, basis);
            for (var i = 0; i < width; i++) core[(i * width) + i] -= shift;
            factor = Factor(core);
        }

        factor.Forward(image);
        var part = image;
        if (width > rank)
        {
            var gram = Dense.Gram(image, n, width);
            var left = Smallest(gram, Factor(gram), width, width - rank).Columns;
            part = Dense.Multiply(image, Single(Complement(left, width, width - rank)), n, width, rank);
        }

        var result = new double[part.Length];
        TensorPrimitives.ConvertTruncating<float, double>(part, result);
        Orthonormal.Make(result, n, rank);
        return result;

        Cholesky Factor(double[] squares) =>
            Cholesky.Of([.. squares], width) ?? throw new ArgumentException("the matrix has negative eigenvalues", nameof(image));
    }

    /// <summary>
    /// Orthonormal columns [size, count] of the smallest eigenvalues, by inverse iteration with a few more, and the smallest value. What
    /// lies too close together to be told apart is worth the same.
    /// </summary>
    private static (double[] Columns, double Value) Smallest(double[] matrix, Cholesky factor, int size, int count)
    {
        var tried = Math.Min(size, count + Math.Max(LeastSpare / 2, count / 8));
        var columns = Random(size, tried);
        for (var sweep = 0; sweep < Sweeps; sweep++)
        {
            var rows = Dense.Transpose(columns, size, tried);
            factor.Solve(rows);
            columns = Dense.Transpose(rows, tried, size);
            Orthonormal.Make(columns, size, tried);
        }

        var small = Dense.TurnedMultiply(columns, Dense.Multiply(matrix, columns, size, size, tried), tried, size, tried);
        var (values, vectors) = Ascending(small, tried);
        double[] shares = [.. vectors.Take(count).SelectMany(v => v.AsSpan(0, tried).ToArray())];
        return (Dense.MultiplyTurned(columns, shares, size, tried, count), values[0]);
    }

    /// <summary>Eigenpairs of a small matrix, smallest first; what fills it up to a multiple of eight comes last.</summary>
    private static (double[] Values, double[][] Vectors) Ascending(double[] matrix, int size)
    {
        var m = (size + 7) / 8 * 8;
        var beyond = 2 * size * TensorPrimitives.MaxMagnitude<double>(matrix);
        var turned = new double[m * m];
        for (var i = 0; i < m; i++)
        {
            for (var j = 0; j < m; j++)
            {
                turned[(i * m) + j] = i < size && j < size
                    ? -(matrix[(i * size) + j] + matrix[(j * size) + i]) / 2
                    : i == j ? -beyond : 0;
            }
        }

        var (values, vectors) = ProjectedEigen.Descending(turned, m);
        return ([.. values.Select(v => -v)], vectors);
    }

    /// <summary>Orthonormal columns [size, size - count] at right angles to orthonormal ones [size, count].</summary>
    private static double[] Complement(double[] columns, int size, int count)
    {
        var rest = Random(size, size - count);
        var shares = Dense.TurnedMultiply(columns, rest, count, size, size - count);
        TensorPrimitives.Subtract<double>(rest, Dense.Multiply(columns, shares, size, count, size - count), rest);
        Orthonormal.Make(rest, size, size - count);
        return rest;
    }

    private static double[] Random(int n, int width)
    {
        var random = new Random(n);
        var values = new double[checked(n * width)];
        for (var i = 0; i < values.Length; i++)
            values[i] = random.NextDouble() + random.NextDouble() - random.NextDouble() - random.NextDouble();
        return values;
    }

    private static float[] Single(double[] values)
    {
        var result = new float[values.Length];
        TensorPrimitives.ConvertTruncating<double, float>(values, result);
        return result;
    }
}
