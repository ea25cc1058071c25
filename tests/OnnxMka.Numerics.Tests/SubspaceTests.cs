using MathNet.Numerics.LinearAlgebra;

namespace OnnxMka.Numerics.Tests;

public sealed class SubspaceTests
{
    [Theory]
    [InlineData(90, 30, 1.0)]
    [InlineData(400, 70, 1e-9)]
    [InlineData(64, 64, 1e-3)]
    public void Columns_become_orthonormal_and_keep_their_span(int n, int k, double smallest)
    {
        var columns = Values.Of(n * k);
        for (var j = 0; j < k; j++) // each column shrinks towards the first: condition near 1 / smallest
        {
            for (var i = 0; i < n; i++)
                columns[(i * k) + j] = (j == 0 ? columns[i * k] : (columns[i * k] + (smallest * columns[(i * k) + j])));
        }

        double[] q = [.. columns];
        Orthonormal.Make(q, n, k);
        var gram = Values.Product(Dense.Transpose(q, n, k), q, k, n, k);
        for (var i = 0; i < k; i++) gram[(i * k) + i] -= 1;
        Assert.InRange(gram.Max(Math.Abs), 0, 2 * Orthonormal.Roundings(n, k)); // the bound itself, and that of these loops
        var shares = Values.Product(Dense.Transpose(q, n, k), columns, k, n, k);
        var back = Values.Product(q, shares, n, k, k);
        // A column is at most n long; what leaves the span is rounding, over the first pass's condition of at most 1e8.
        Assert.InRange(Values.Distance(back, columns), 0, 100 * n * Values.Rounding);
    }

    [Fact]
    public void Columns_that_depend_on_each_other_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Orthonormal.Make(new double[20], 10, 2));
        Assert.Throws<ArgumentException>(() => Orthonormal.Make([1, double.NaN, 0, 1], 2, 2));
    }

    /// <summary>What the subspace leaves out, beside the least that one of its size can.</summary>
    [Theory]
    [InlineData(200, 40, 1.0, 1.001)]
    [InlineData(200, 40, 2.0, 1.001)]
    [InlineData(300, 150, 0.7, 1.004)] // half of a flat spectrum: hard to tell apart, and of little worth
    public void It_leaves_out_hardly_more_than_the_best(int n, int rank, double fall, double within)
    {
        var vectors = Values.Of(n * n);
        Orthonormal.Make(vectors, n, n);
        var values = Enumerable.Range(1, n).Select(i => Math.Pow(i, -fall)).ToArray();
        var scaled = vectors.Select((v, k) => v * values[k % n]).ToArray();
        var matrix = Values.Product(scaled, Dense.Transpose(vectors, n, n), n, n, n);
        var basis = LeadingSubspace.Of(Semidefinite.Of(matrix, n), rank);
        var least = values[rank..].Sum();
        Assert.InRange(Math.Sqrt(LeftOut(basis) / least), 1 - 1e-9, within);
        var q = Values.Product(Dense.Transpose(basis, n, rank), basis, rank, n, rank);
        for (var i = 0; i < rank; i++) q[(i * rank) + i] -= 1;
        Assert.InRange(q.Max(Math.Abs), 0, 4 * Orthonormal.Roundings(n, n));
        Assert.Equal(basis, LeadingSubspace.Of(Semidefinite.Of(matrix, n), rank));

        var start = Values.Of(n * rank, 8);
        Orthonormal.Make(start, n, rank);
        Assert.True(Math.Sqrt(LeftOut(start) / least) > 1.05, "the control: a random subspace");

        double LeftOut(double[] columns)
        {
            var image = Values.Product(matrix, columns, n, n, rank);
            return values.Sum() - columns.Zip(image, (a, b) => a * b).Sum();
        }
    }

    /// <summary>As many dimensions as the matrix has, and more: those it has are found.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(0)]
    public void A_matrix_of_fewer_dimensions_keeps_them_all(int dimensions)
    {
        const int N = 80, Rank = 30;
        var factor = Values.Of(N * dimensions);
        var matrix = Values.Product(factor, Dense.Transpose(factor, N, dimensions), N, dimensions, N);
        var basis = LeadingSubspace.Of(Semidefinite.Of(matrix, N), Rank);
        var back = Values.Product(basis, Values.Product(Dense.Transpose(basis, N, Rank), factor, Rank, N, dimensions), N, Rank, dimensions);
        // What is added of the identity is 2^-16 of the matrix: left out of a column is at most the root of what is left out of the trace.
        if (dimensions > 0) Assert.InRange(Values.Distance(back, factor), 0, 100 * LeadingSubspace.Rounding);
        Assert.All(basis, v => Assert.True(double.IsFinite(v)));
    }

    /// <summary>Scales near the ends of float64, powers of two away from 1: the same bits.</summary>
    [Fact]
    public void The_scale_of_a_matrix_does_not_matter()
    {
        const int N = 120, Rank = 20;
        var matrix = Values.Definite(N);
        var basis = LeadingSubspace.Of(Semidefinite.Of(matrix, N), Rank);
        foreach (var power in new[] { -900, -300, 300, 1000 })
            Assert.Equal(basis, LeadingSubspace.Of(Semidefinite.Of([.. matrix.Select(v => Math.ScaleB(v, power))], N), Rank));

        Assert.True(float.IsInfinity((float)Math.ScaleB(matrix[0], 300)), "the control: float32 alone has no such numbers");
        matrix[5] = double.NaN;
        Assert.Throws<ArgumentException>(() => Semidefinite.Of(matrix, N));
    }

    /// <summary>
    /// Beside the full decomposition of W'GW, which the factored form never makes: what is left out is the least, within the bound of
    /// float32's rounding and the 1.001 of the method. Eigenvalues fall by nine orders of magnitude, so that what float64 would still see
    /// counts.
    /// </summary>
    [Theory]
    [InlineData(90, 64, 12)]
    [InlineData(50, 70, 40)]
    public void A_matrix_between_weights_has_the_subspace_of_the_whole(int inputs, int outputs, int rank)
    {
        var (weight, gram) = (Values.Of(inputs * outputs), Values.Definite(inputs));
        for (var i = 0; i < weight.Length; i++) weight[i] *= Math.Pow(10, -4.5 * (i % outputs) / outputs);
        var images = Values.Product(gram, weight, inputs, inputs, outputs);
        var whole = Values.Product(Dense.Transpose(weight, inputs, outputs), images, outputs, inputs, outputs);
        Dense.MirrorLower(whole, outputs);
        var full = Matrix<double>.Build.DenseOfRowMajor(outputs, outputs, whole).Evd(Symmetricity.Symmetric);
        var values = full.EigenValues.Select(v => v.Real).Order().ToArray();
        var least = values[..(outputs - rank)].Sum();
        var frobenius = Math.Sqrt(values.Sum(v => v * v));

        // |E| of the factored form: that of W, G and W' one after the other, by norms no smaller than the matrix's own.
        var scale = Norm(weight) * Norm(weight) * Norm(gram) / frobenius;
        var bound = 2 * rank * 3 * LeadingSubspace.Rounding * scale * frobenius;
        var found = LeftOut(LeadingSubspace.Of(Semidefinite.Between(weight, gram, inputs, outputs), rank));
        var direct = LeftOut(LeadingSubspace.Of(Semidefinite.Of(whole, outputs), rank));
        var below = least - (1e-12 * values.Sum()); // rounding of the sums here
        Assert.InRange(found, below, (1.002 * least) + bound);
        Assert.InRange(direct, below, (1.002 * least) + (2 * rank * LeadingSubspace.Rounding * frobenius));

        var other = Values.Of(outputs * rank, 8);
        Orthonormal.Make(other, outputs, rank);
        Assert.True(LeftOut(other) > (1.002 * least) + bound, "the control: a random subspace");

        double LeftOut(double[] columns) =>
            values.Sum() - columns.Zip(Values.Product(whole, columns, outputs, outputs, rank), (a, b) => a * b).Sum();

        static double Norm(double[] matrix) => Math.Sqrt(matrix.Sum(v => v * v));
    }

    [Fact]
    public void A_rank_beyond_the_matrix_is_refused()
    {
        Assert.Throws<ArgumentException>(() => LeadingSubspace.Of(Semidefinite.Of(new double[16], 4), 5));
        Assert.Throws<ArgumentException>(() => LeadingSubspace.Of(Semidefinite.Of(new double[16], 4), 0));
    }

    /// <summary>The textbook's way: invert, take the upper factor, round a column, spread its error.</summary>
    [Theory]
    [InlineData(20, 7)]
    [InlineData(150, 33)]
    public void Feedback_rounds_as_the_form_with_an_inverse_does(int n, int m)
    {
        var (weight, hessian) = (Values.Of(n * m), Values.Definite(n));
        var upper = Matrix<double>.Build.DenseOfRowMajor(n, n, hessian).Inverse().Cholesky().Factor.Transpose();
        double[] expected = [.. weight];
        for (var j = 0; j < n; j++)
        {
            for (var c = 0; c < m; c++)
            {
                var rounded = Nearest(expected[(j * m) + c]);
                var error = (expected[(j * m) + c] - rounded) / upper[j, j];
                expected[(j * m) + c] = rounded;
                for (var i = j + 1; i < n; i++) expected[(i * m) + c] -= error * upper[j, i];
            }
        }

        var found = ErrorFeedback.Round(weight, [.. hessian], n, m, (_, row) =>
        {
            for (var c = 0; c < row.Length; c++) row[c] = Nearest(row[c]);
        })!;
        Assert.Equal(expected, found);
        Assert.NotEqual(weight.Select(Nearest), found);
        Assert.Null(ErrorFeedback.Round(weight, new double[n * n], n, m, (_, _) => { }));

        static double Nearest(double value) => Math.Round(value * 8) / 8;
    }
}
