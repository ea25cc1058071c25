using OnnxMka.Compensation;
using OnnxMka.Numerics;

namespace OnnxMka.Tests.Compensation;

/// <summary>The blocked float64 sums and the panelled Cholesky against three-line loops.</summary>
public sealed class NormalEquationsTests
{
    private const int Inputs = 71;
    private const int Outputs = 13;
    private const int Rows = 37;

    /// <summary>
    /// Sums of 111 products near 1 in float64, in another order: at most 111 roundings of 2^-53 each, and a margin of ten.
    /// </summary>
    private static readonly double Tolerance = 10 * 111 * Math.ScaleB(1, -53);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Sums_equal_those_of_plain_loops(bool centred)
    {
        var (x, r, equations) = Filled();
        var (gram, cross) = (equations.TakeGram(centred), equations.TakeCross(centred));
        for (var i = 0; i < Inputs; i++)
        {
            for (var j = 0; j < Inputs; j++) Assert.Equal(Product(x, i, x, j, centred), gram[(i * Inputs) + j], Tolerance * x.Length);
            for (var k = 0; k < Outputs; k++) Assert.Equal(Product(x, i, r, k, centred), cross[(k * Inputs) + i], Tolerance * x.Length);
        }
    }

    /// <summary>
    /// Both sides of an equation times 2 count as four times the equation, with an intercept too. Powers of two scale without rounding.
    /// </summary>
    [Fact]
    public void A_scaled_row_is_that_row_several_times()
    {
        var random = new Random(3);
        var (x, r) = (Values(random, 5 * Inputs), Values(random, 5 * Outputs));
        double[] scale = [2, 1, 1, 2, 1];
        var (scaled, repeated, plain) =
            (new NormalEquations(Inputs, Outputs), new NormalEquations(Inputs, Outputs), new NormalEquations(Inputs, Outputs));
        scaled.Add(x, r, scale);
        plain.Add(x, r);
        for (var i = 0; i < 5; i++)
        {
            for (var time = 0; time < scale[i] * scale[i]; time++)
                repeated.Add(x.AsSpan(i * Inputs, Inputs), r.AsSpan(i * Outputs, Outputs));
        }

        var map = new double[Inputs * Outputs];
        Array.Fill(map, 0.01);
        Assert.InRange(Distance(repeated.TakeGram(true), scaled.TakeGram(true)), 0, Tolerance);
        var cross = scaled.TakeCross(true);
        Assert.InRange(Distance(repeated.TakeCross(true), cross), 0, Tolerance);
        Assert.InRange(Distance(repeated.Intercept(map), scaled.Intercept(map)), 0, Tolerance);
        Assert.True(Distance(plain.TakeCross(true), cross) > 1e-2, "the control: without scales");

        static double Distance(double[] a, double[] b) => a.Zip(b, (p, q) => Math.Abs(p - q)).Max();

        static float[] Values(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.5))];
    }

    [Fact]
    public void A_solution_satisfies_its_equations_and_no_other_ridge()
    {
        var (_, _, equations) = Filled();
        var (gram, cross) = (equations.TakeGram(false), equations.TakeCross(false));
        var solver = new RidgeSolver([.. gram], Inputs);
        double[] solution = [.. solver.Solve(cross, 0.01)!];
        // Condition number below 1e4 with that ridge: 1e4 times 71 roundings of 2^-53, relative to the right side.
        Assert.InRange(Residual(gram, cross, solution, 0.01), 0, 1e4 * Inputs * Math.ScaleB(1, -53));
        Assert.True(Residual(gram, cross, solution, 0.02) > 1e-4);

        // In the memory of the same matrix: another ridge leaves nothing behind.
        Assert.InRange(Residual(gram, cross, solver.Solve(cross, 0.02)!, 0.02), 0, 1e4 * Inputs * Math.ScaleB(1, -53));
        Assert.Equal(solution, solver.Solve(cross, 0.01)!);
    }

    [Fact]
    public void A_matrix_that_is_not_positive_definite_has_no_solution()
    {
        double[] gram = [1, 2, 2, 1];
        var solver = new RidgeSolver(gram, 2);
        Assert.Null(solver.Solve([1, 1], 1e-3));
        Assert.NotNull(solver.Solve([1, 1], 10));
    }

    [Fact]
    public void A_known_map_and_bias_are_found()
    {
        var random = new Random(3);
        var map = Enumerable.Range(0, 5 * 2).Select(_ => random.NextDouble() - 0.5).ToArray();
        var equations = new NormalEquations(5, 2);
        for (var sample = 0; sample < 4; sample++)
        {
            var x = Enumerable.Range(0, 20 * 5).Select(_ => (float)random.NextDouble() + 3).ToArray();
            var r = Enumerable.Range(0, 20).SelectMany(
                t => Enumerable.Range(0, 2).Select(
                    k => (float)(k + 7 + Enumerable.Range(0, 5).Sum(i => x[(t * 5) + i] * map[(i * 2) + k]))));
            equations.Add(x, [.. r]);
        }

        var found = new RidgeSolver(equations.TakeGram(true), 5).Solve(equations.TakeCross(true), 1e-12)!;
        var intercept = equations.Intercept(found);
        // Targets near 10 are rounded to float32 (2^-24 each); centring takes a mean of 3.5 off columns that vary by 0.3.
        for (var i = 0; i < map.Length; i++) Assert.Equal(map[i], found[(i % 2 * 5) + (i / 2)], 1e-5);
        Assert.Equal(7, intercept[0], 1e-4);
        Assert.Equal(8, intercept[1], 1e-4);
    }

    private static (double[][] X, double[][] R, NormalEquations Equations) Filled()
    {
        var random = new Random(1);
        var equations = new NormalEquations(Inputs, Outputs);
        var (x, r) = (new List<double[]>(), new List<double[]>());
        for (var sample = 0; sample < 3; sample++)
        {
            var a = Enumerable.Range(0, Rows * Inputs).Select(_ => (float)(random.NextDouble() - 0.4)).ToArray();
            var b = Enumerable.Range(0, Rows * Outputs).Select(_ => (float)(random.NextDouble() - 0.3)).ToArray();
            equations.Add(a, b);
            x.AddRange(a.Chunk(Inputs).Select(row => row.Select(v => (double)v).ToArray()));
            r.AddRange(b.Chunk(Outputs).Select(row => row.Select(v => (double)v).ToArray()));
        }

        return ([.. x], [.. r], equations);
    }

    private static double Product(double[][] left, int i, double[][] right, int j, bool centred)
    {
        var (a, b) = centred ? (left.Average(row => row[i]), right.Average(row => row[j])) : (0, 0);
        return left.Zip(right).Sum(p => (p.First[i] - a) * (p.Second[j] - b));
    }

    private static double Residual(double[] gram, double[] cross, double[] solution, double ridge)
    {
        var shift = ridge * Enumerable.Range(0, Inputs).Average(i => gram[(i * Inputs) + i]);
        var worst = 0.0;
        for (var i = 0; i < Inputs; i++)
        {
            for (var k = 0; k < Outputs; k++)
            {
                var left = Enumerable.Range(0, Inputs).Sum(
                    j => gram[(i * Inputs) + j] * solution[(k * Inputs) + j]) + (shift * solution[(k * Inputs) + i]);
                worst = Math.Max(worst, Math.Abs(left - cross[(k * Inputs) + i]));
            }
        }

        return worst / cross.Max(Math.Abs);
    }
}
