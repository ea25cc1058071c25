namespace OnnxMka.Numerics.Tests;

public sealed class TruncationTests
{
    [Fact]
    public void Products_and_errors_are_the_scripts()
    {
        var (cases, tolerance) = GoldenCases.Of("whitened_svd");
        Assert.Equal(9, cases.Length);
        foreach (var golden in cases)
        {
            var (weight, gram, rank) = (golden.Numbers("W"), golden.Numbers("G"), golden.Whole("rank"));
            var inputs = golden.Rows("W");
            var outputs = weight.Length / inputs;
            var (left, right) = Truncation.Of(gram, weight, inputs, outputs, rank);
            var product = Values.Product(left, right, inputs, rank, outputs);
            Assert.InRange(Values.Distance(golden.Numbers("whitened"), product), 0, tolerance);

            // Roots of values that are zero but for rounding: the values themselves are compared, in units of the largest.
            var energies = Truncation.Under(gram, weight, inputs, outputs, outputs).Energies;
            var expected = golden.Numbers("whitened_values").Select(v => v * v).ToArray();
            Assert.InRange(Values.Distance(expected, energies) / expected[0], 0, tolerance);
            var error = golden.Number("whitened_error");
            Assert.InRange(Math.Abs(energies[rank..].Sum() - (error * error)) / expected[0], 0, tolerance);
            Assert.True(Values.Distance(golden.Numbers("plain"), product) > 1e-3, "the control: without the inputs");
            Balanced(left, right, inputs, rank, outputs);
        }
    }

    [Fact]
    public void A_refitted_weight_is_cut_under_the_same_inputs()
    {
        var (cases, tolerance) = GoldenCases.Of("refit_rank");
        Assert.Equal(2, cases.Length);
        foreach (var golden in cases)
        {
            var (weight, gram, rank) = (golden.Numbers("W"), golden.Numbers("G"), golden.Whole("rank"));
            var inputs = golden.Rows("W");
            var outputs = weight.Length / inputs;
            var cross = Dense.Transpose(golden.Numbers("C"), inputs, outputs);
            var step = Dense.Transpose(new RidgeSolver([.. gram], inputs).Solve(cross, golden.Number("ridge"))!, outputs, inputs);
            Assert.InRange(Values.Distance(golden.Numbers("step"), step), 0, tolerance);
            double[] moved = [.. weight.Zip(step, (w, d) => w + d)];
            var (left, right) = Truncation.Of(gram, moved, inputs, outputs, rank);
            var product = Values.Product(left, right, inputs, rank, outputs);
            Assert.InRange(Values.Distance(golden.Numbers("product"), product), 0, tolerance);
        }
    }

    [Theory]
    [InlineData(12, 7)]
    [InlineData(7, 12)]
    [InlineData(1, 5)]
    [InlineData(5, 1)]
    public void All_of_a_weight_is_the_weight(int inputs, int outputs)
    {
        var weight = Values.Of(inputs * outputs);
        var (left, right) = Truncation.Of(Values.Definite(inputs), weight, inputs, outputs, outputs);
        // W V V' with V orthonormal to some roundings a column, of entries below 1.
        var distance = Values.Distance(weight, Values.Product(left, right, inputs, outputs, outputs));
        Assert.InRange(distance, 0, 100 * outputs * Values.Rounding);
        Balanced(left, right, inputs, outputs, outputs);
    }

    /// <summary>Inputs of fewer dimensions than the weight, and of none: finite, and no error is left at the rank they have.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void Inputs_of_few_dimensions_are_kept_whole(int rows)
    {
        const int Inputs = 9, Outputs = 6;
        var (x, weight) = (Values.Of(rows * Inputs), Values.Of(Inputs * Outputs, 3));
        var gram = Values.Product(Dense.Transpose(x, rows, Inputs), x, Inputs, rows, Inputs);
        var (left, right) = Truncation.Of(gram, weight, Inputs, Outputs, Math.Max(1, rows));
        Assert.All(left.Concat(right), v => Assert.True(double.IsFinite(v)));
        var product = Values.Product(left, right, Inputs, Math.Max(1, rows), Outputs);
        var images = Values.Product(x, product, rows, Inputs, Outputs);
        // What is left out are eigenvalues of zero to rounding, of sums of products below 1: their root is the error.
        if (rows > 0) Assert.InRange(Values.Distance(Values.Product(x, weight, rows, Inputs, Outputs), images), 0, 1e-6);
        var energies = Truncation.Under(gram, weight, Inputs, Outputs, Outputs).Energies;
        Assert.All(energies, v => Assert.True(v >= 0));
        Assert.InRange(energies[rows..].Sum(), 0, 1e-12);
    }

    /// <summary>
    /// Wide weights, by a subspace: the error within a thousandth of the least, and energies that add up to all there is. Ranks of another
    /// input are far from it.
    /// </summary>
    [Fact]
    public void Wide_weights_lose_within_a_thousandth_of_the_least()
    {
        const int Inputs = 96, Outputs = 800, Rank = 24;
        var weight = Values.Of(Inputs * Outputs, 5);
        var gram = Values.Definite(Inputs);
        var full = Truncation.Under(gram, weight, Inputs, Outputs, Outputs).Energies;
        var cut = Truncation.Under(gram, weight, Inputs, Outputs, Rank);
        Assert.InRange(cut.Energies.Sum() / full.Sum(), 1 - 1e-9, 1 + 1e-9);
        Assert.InRange(Error(gram), 1 - 1e-6, 1.001);
        var some = new double[Inputs * Inputs];
        for (var i = 0; i < Inputs / 2; i++) some[(i * Inputs) + i] = 1;
        Assert.True(Error(some) > 1.01);

        double Error(double[] under)
        {
            var (left, right) = Truncation.Under(under, weight, Inputs, Outputs, Rank).Pair(Rank);
            var rest = Values.Product(left, right, Inputs, Rank, Outputs).Zip(weight, (a, b) => a - b).ToArray();
            var image = Values.Product(gram, rest, Inputs, Inputs, Outputs);
            return Math.Sqrt(rest.Zip(image, (a, b) => a * b).Sum() / full.Skip(Rank).Sum());
        }
    }

    [Fact]
    public void A_weight_of_zeros_and_a_row_of_zeros_stay()
    {
        var (left, right) = Truncation.Of(Values.Definite(4), new double[4 * 3], 4, 3, 2);
        Assert.All(left, v => Assert.Equal(0, v));
        Assert.All(right, v => Assert.True(double.IsFinite(v)));
        double[] single = [0, 0, 0, 1, 2, 3]; // [2, 3], one row of zeros: of one dimension
        (left, right) = Truncation.Of([2, 1, 1, 2], single, 2, 3, 1);
        Assert.InRange(Values.Distance(single, Values.Product(left, right, 2, 1, 3)), 0, 100 * Values.Rounding);
    }

    [Fact]
    public void A_rank_beyond_the_weight_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Truncation.Of(Values.Definite(2), new double[6], 2, 3, 4));
        Assert.Throws<ArgumentException>(() => Truncation.Of(Values.Definite(2), new double[6], 2, 3, 0));
    }

    /// <summary>Columns of A and rows of B: as long as each other to the rounding of a root, a quotient and two norms.</summary>
    private static void Balanced(double[] left, double[] right, int inputs, int rank, int outputs)
    {
        for (var k = 0; k < rank; k++)
        {
            var column = Enumerable.Range(0, inputs).Sum(i => left[(i * rank) + k] * left[(i * rank) + k]);
            if (column == 0) continue;
            var row = right[(k * outputs)..((k + 1) * outputs)].Sum(v => v * v);
            Assert.InRange(column / row, 1 - ((inputs + outputs) * 10 * Values.Rounding), 1 + ((inputs + outputs) * 10 * Values.Rounding));
        }
    }
}
