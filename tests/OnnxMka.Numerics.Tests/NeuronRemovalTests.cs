namespace OnnxMka.Numerics.Tests;

public sealed class NeuronRemovalTests
{
    [Fact]
    public void Scores_and_repaired_weights_are_the_scripts()
    {
        var (cases, tolerance) = GoldenCases.Of("width");
        var golden = Assert.Single(cases);
        var (gram, weight, count) = (golden.Numbers("G"), golden.Numbers("W"), golden.Whole("keep_count"));
        var width = golden.Rows("G");
        var outputs = weight.Length / width;

        // The first to go is the least of the scores, and its loss is that score.
        var removal = NeuronRemoval.Of(gram, weight, width, outputs);
        var score = golden.Numbers("score");
        Assert.Equal(Array.IndexOf(score, score.Min()), removal.Order[0]);
        Assert.InRange(Math.Abs(removal.Loss(width - 1) - score.Min()), 0, tolerance);

        var kept = golden.Numbers("keep").Select(k => (int)k).ToArray();
        Assert.Equal(count, kept.Length);
        var repaired = NeuronRemoval.Repaired(gram, weight, width, outputs, kept);
        Assert.InRange(Values.Distance(golden.Numbers("W_kept"), repaired), 0, tolerance);
    }

    /// <summary>
    /// Widths on both sides of a panel of removals, of a depth of products and of a closing up; with fewer rows than neurons, so that
    /// F'F is singular. Both lose digits where the inverse falls: from at most 1 / (1e-3 mean) to 1 / largest of G, here a factor of 1e4,
    /// in width steps of some roundings: 1e4 x 300 x 2^-53 is below 1e-9.
    /// </summary>
    [Theory]
    [InlineData(1, 1, 3)]
    [InlineData(1, 4, 9)]
    [InlineData(7, 1, 20)]
    [InlineData(40, 12, 90)]
    [InlineData(64, 9, 30)]
    [InlineData(65, 9, 200)]
    [InlineData(150, 20, 60)]
    [InlineData(300, 33, 700)]
    public void Order_and_losses_are_the_plain_loops(int width, int outputs, int rows)
    {
        var (gram, weight) = (Gram(Values.Of(rows * width, 4), rows, width), Values.Of(width * outputs, 5));
        var (order, losses) = Plain(gram, weight, width, outputs);
        var removal = NeuronRemoval.Of(gram, weight, width, outputs);
        Assert.Equal(order, removal.Order);
        Assert.Equal(0, removal.Loss(width));
        for (var kept = 0; kept < width; kept++) Assert.InRange(removal.Loss(kept) / losses[kept], 1 - 1e-9, 1 + 1e-9);
        Assert.Equal(order[^(width / 2)..].Order(), removal.Kept(width / 2));
        Assert.Equal(Enumerable.Range(0, width), removal.Kept(width));
    }

    /// <summary>What is lost with k kept is what the best of their weights loses, but for the ridge's share, which only adds.</summary>
    [Fact]
    public void A_loss_is_what_the_others_cannot_give()
    {
        const int Width = 30, Outputs = 8, Rows = 200;
        var (features, weight) = (Values.Of(Rows * Width, 2), Values.Of(Width * Outputs, 3));
        var gram = Gram(features, Rows, Width);
        var removal = NeuronRemoval.Of(gram, weight, Width, Outputs);
        var wanted = Values.Product(features, weight, Rows, Width, Outputs);
        foreach (var count in new[] { 29, 20, 10, 3 })
        {
            var kept = removal.Kept(count);
            var repaired = NeuronRemoval.Repaired(gram, weight, Width, Outputs, kept);
            var columns = Enumerable.Range(0, Rows * count).Select(k => features[(k / count * Width) + kept[k % count]]).ToArray();
            var lost = Values.Product(columns, repaired, Rows, count, Outputs).Zip(wanted, (a, b) => (a - b) * (a - b)).Sum();
            // The ridge is a thousandth of the mean of the diagonal; eigenvalues of random features lie within a factor of 5 of it.
            Assert.InRange(removal.Loss(count) / lost, 1 - 1e-4, 1.01);
        }
    }

    [Fact]
    public void Rows_of_zeros_go_first_and_lose_nothing()
    {
        const int Width = 100, Outputs = 6;
        var (gram, weight) = (Gram(Values.Of(70 * Width, 4), 70, Width), Values.Of(Width * Outputs, 5));
        int[] idle = [3, 17, 41, 98];
        foreach (var row in idle) weight.AsSpan(row * Outputs, Outputs).Clear();
        var removal = NeuronRemoval.Of(gram, weight, Width, Outputs);
        Assert.Equal(idle, removal.Order[..idle.Length]);
        Assert.Equal(0, removal.Loss(Width - idle.Length));
        Assert.True(removal.Loss(Width - idle.Length - 1) > 0);
    }

    /// <summary>Of two that give the same, one goes for next to nothing, the first of them, and the other takes both rows.</summary>
    [Fact]
    public void A_neuron_that_another_repeats_goes_first()
    {
        const int Width = 20, Outputs = 5, Rows = 90, First = 4, Second = 11;
        var (features, weight) = (Values.Of(Rows * Width, 4), Values.Of(Width * Outputs, 5));
        for (var t = 0; t < Rows; t++) features[(t * Width) + Second] = features[(t * Width) + First];
        weight.AsSpan(First * Outputs, Outputs).CopyTo(weight.AsSpan(Second * Outputs));
        var gram = Gram(features, Rows, Width);
        var (order, losses) = Plain(gram, weight, Width, Outputs);
        var removal = NeuronRemoval.Of(gram, weight, Width, Outputs);
        Assert.Contains(removal.Order[0], new[] { First, Second }); // equal but for roundings
        Assert.InRange(removal.Loss(Width - 1) / removal.Loss(Width - 2), 0, 0.01);
        if (order[0] == removal.Order[0]) Assert.Equal(order, removal.Order);
        for (var kept = 0; kept < Width; kept++) Assert.InRange(removal.Loss(kept) / losses[kept], 1 - 1e-9, 1 + 1e-9);

        var others = Enumerable.Range(0, Width).Where(n => n != First).ToArray();
        var repaired = NeuronRemoval.Repaired(gram, weight, Width, Outputs, others);
        var row = Array.IndexOf(others, Second) * Outputs;
        for (var c = 0; c < Outputs; c++) Assert.InRange(repaired[row + c] / weight[(Second * Outputs) + c], 1.99, 2.01);
    }

    [Fact]
    public void Equals_go_in_their_order()
    {
        const int Width = 9;
        double[] gram = [.. Enumerable.Range(0, Width * Width).Select(k => k % (Width + 1) == 0 ? 1.0 : 0)];
        var removal = NeuronRemoval.Of(gram, [.. Enumerable.Repeat(1.0, Width)], Width, 1);
        Assert.Equal(Enumerable.Range(0, Width), removal.Order);
    }

    [Fact]
    public void Neurons_that_never_fire_lose_nothing()
    {
        const int Width = 70, Outputs = 3;
        var removal = NeuronRemoval.Of(new double[Width * Width], Values.Of(Width * Outputs), Width, Outputs);
        Assert.Equal(Enumerable.Range(0, Width), removal.Order.Order());
        for (var kept = 0; kept <= Width; kept++) Assert.InRange(removal.Loss(kept), 0, 1e-100);
        var repaired = NeuronRemoval.Repaired(new double[Width * Width], Values.Of(Width * Outputs), Width, Outputs, [1, 5]);
        Assert.All(repaired, v => Assert.Equal(0, v));
    }

    [Fact]
    public void What_is_no_product_of_features_is_refused()
    {
        Assert.Throws<ArgumentException>(() => NeuronRemoval.Of([1, 2, 2, 1], [1, 1], 2, 1));
        Assert.Throws<ArgumentException>(() => NeuronRemoval.Of([1, 0, 0, double.NaN], [1, 1], 2, 1));
        Assert.Throws<ArgumentException>(() => NeuronRemoval.Repaired([1, 2, 2, 1], [1, 1], 2, 1, [0, 1]));
    }

    private static double[] Gram(double[] features, int rows, int width) =>
        Values.Product(Dense.Transpose(features, rows, width), features, width, rows, width);

    /// <summary>The definition, with whole matrices at every removal.</summary>
    private static (int[] Order, double[] Losses) Plain(double[] gram, double[] weight, int width, int outputs)
    {
        var ridge = 1e-3 * Enumerable.Range(0, width).Average(i => gram[(i * width) + i]);
        var lifted = MathNet.Numerics.LinearAlgebra.Matrix<double>.Build.DenseOfRowMajor(width, width, gram);
        for (var i = 0; i < width; i++) lifted[i, i] += ridge;
        var (c, w) = (lifted.Inverse(), MathNet.Numerics.LinearAlgebra.Matrix<double>.Build.DenseOfRowMajor(width, outputs, weight));
        var (order, losses, left) = (new List<int>(), new double[width + 1], Enumerable.Range(0, width).ToList());
        while (left.Count > 0)
        {
            double Score(int n) => w.Row(n).DotProduct(w.Row(n)) / c[n, n];
            var j = left.MinBy(Score);
            order.Add(j);
            losses[left.Count - 1] = losses[left.Count] + Score(j);
            left.Remove(j);
            var (column, pivot) = (c.Column(j), c[j, j]);
            w -= (column / pivot).OuterProduct(w.Row(j));
            c -= column.OuterProduct(column) / pivot;
        }

        return ([.. order], losses);
    }
}
