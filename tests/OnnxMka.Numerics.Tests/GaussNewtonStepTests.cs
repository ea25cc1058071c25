using MathNet.Numerics.LinearAlgebra;

namespace OnnxMka.Numerics.Tests;

public sealed class GaussNewtonStepTests
{
    private const double FloatRounding = 1.0 / (1 << 24);

    public static TheoryData<string> Activations => ["silu", "gelu", "tanh gelu", "relu"];

    /// <summary>
    /// Central differences of step d are off by the third derivative times d^2 / 6, and by roundings of the values over d: with values near
    /// 1 and d = 1e-5, some 1e-10.
    /// </summary>
    [Theory]
    [MemberData(nameof(Activations))]
    public void A_slope_is_the_difference_of_values(string name)
    {
        var activation = Named(name);
        const double Step = 1e-5;
        foreach (var a in new[] { -30, -4, -1.7, -0.3, 0.1, 0.9, 2.5, 6, 40 })
        {
            var difference = (activation.Value(a + Step) - activation.Value(a - Step)) / (2 * Step);
            Assert.InRange(Math.Abs(difference - activation.Slope(a)), 0, 1e-8);
        }

        Assert.Equal(0, activation.Value(-2000));
        Assert.Equal(0, activation.Slope(-2000));
        Assert.Equal(2000, activation.Value(2000));
        Assert.Equal(1, activation.Slope(2000));
    }

    /// <summary>Values of PyTorch's documentation formulas at 1: 1 / (1 + 1 / e), and the normal distribution's 0.8413.</summary>
    [Fact]
    public void Values_are_those_of_the_activations()
    {
        Assert.Equal(0.7310585786300049, GateActivation.Silu.Value(1), 1e-15);
        Assert.Equal(0.8413447460685429, GateActivation.Gelu.Value(1), 1e-14);
        Assert.Equal(0.8411919906082768, GateActivation.TanhGelu.Value(1), 1e-14);
        Assert.Equal(-0.15865525393145707, GateActivation.Gelu.Value(-1), 1e-14);
    }

    /// <summary>
    /// More rows than a block. The tangent takes a and u from float32: each entry of an image, a sum of products of 2 x 12 such numbers,
    /// all below 1, is off by some of their roundings.
    /// </summary>
    [Theory]
    [MemberData(nameof(Activations))]
    public void An_image_is_the_difference_of_outputs(string name)
    {
        const int Rows = 1030, Hidden = 5, Width = 12;
        var activation = Named(name);
        var (inputs, weights, change) = (Values.Floats(Rows * Hidden), Mlp(Hidden, Width, 2), Mlp(Hidden, Width, 3));
        var tangent = new MlpTangent(inputs, weights, Hidden, activation);
        Assert.InRange(Values.Distance(Outputs(inputs, weights, Hidden, activation), tangent.Outputs()), 0, Width * 4 * FloatRounding);

        const double Step = 1e-5;
        var (above, below) = (Moved(weights, change, Step), Moved(weights, change, -Step));
        var difference = Outputs(inputs, above, Hidden, activation)
            .Zip(Outputs(inputs, below, Hidden, activation), (p, q) => (p - q) / (2 * Step)).ToArray();
        var image = tangent.Image(change);
        // Where a gate of relu is within the step of its corner there is no slope: a few entries, off by the step's share of a sum.
        var off = difference.Zip(image, (p, q) => Math.Abs(p - q)).Count(d => d > Width * 10 * FloatRounding);
        Assert.InRange(off, 0, name == "relu" ? 10 * Hidden : 0);
        Assert.True(image.Max(Math.Abs) > 0.1);
    }

    /// <summary>J' is J turned: <c>(J d) . e = d . (J' e)</c>, and J'J is one after the other. Roundings of float32 errors.</summary>
    [Fact]
    public void The_turned_tangent_is_that_of_the_tangent()
    {
        const int Rows = 1300, Hidden = 7, Width = 20;
        var tangent = new MlpTangent(Values.Floats(Rows * Hidden), Mlp(Hidden, Width, 2), Hidden, GateActivation.Silu);
        var (change, errors) = (Mlp(Hidden, Width, 3), Values.Floats(Rows * Hidden, 4));
        var (turned, normal) = (GatedMlp.Zero(Hidden, Width), GatedMlp.Zero(Hidden, Width));
        tangent.Turned(errors, turned);
        var image = tangent.Image(change);
        var product = image.Zip(errors, (a, b) => a * b).Sum();
        Assert.InRange(Math.Abs(turned.Dot(change) - product), 0, 1e-10); // 1e4 terms below 1, in float64
        tangent.Normal(change, normal);
        Assert.InRange(normal.Dot(change) / image.Sum(v => v * v), 1 - 1e-10, 1 + 1e-10);
    }

    /// <summary>The solution of the same least squares by an explicit Jacobian: nearer with each few steps, and there in the end.</summary>
    [Theory]
    [InlineData(60, 4, 6)]
    [InlineData(20, 5, 9)] // fewer equations than unknowns: the ridge decides
    public void Conjugate_gradients_come_to_the_dense_solution(int rows, int hidden, int width)
    {
        var (inputs, weights) = (Values.Floats(rows * hidden), Mlp(hidden, width, 2));
        var residual = Values.Floats(rows * hidden, 5);
        var tangent = new MlpTangent(inputs, weights, hidden, GateActivation.Silu);
        var expected = DenseSolution(tangent, inputs, weights, residual, hidden);
        var length = Math.Sqrt(expected.Dot(expected));
        var before = double.PositiveInfinity;
        foreach (var steps in new[] { 1, 3, 12, 40, 400 })
        {
            var found = GaussNewtonStep.Of(inputs, weights, residual, hidden, GateActivation.Silu, steps);
            found.Add(expected, -1);
            var distance = Math.Sqrt(found.Dot(found)) / length;
            Assert.True(distance < before || distance < 1e-6, $"{distance} after {steps} steps, {before} before");
            before = distance;
        }

        // It stops where the squared residual is 1e-16 of the first: 1e-8 of a distance, times the root of the condition, some 1e2.
        Assert.InRange(before, 0, 1e-5);
    }

    [Fact]
    public void A_step_lowers_the_error_and_a_second_lowers_it_again()
    {
        const int Rows = 600, Hidden = 12, Width = 30;
        var (inputs, weights) = (Values.Floats(Rows * Hidden), Mlp(Hidden, Width, 2));
        for (var k = 0; k < inputs.Length; k++) inputs[k] *= 4;
        var wanted = Outputs(inputs, Moved(weights, Mlp(Hidden, Width, 3), 0.3), Hidden, GateActivation.Gelu);
        var errors = new List<double>();
        for (var step = 0; step < 3; step++)
        {
            var rest = wanted.Zip(Outputs(inputs, weights, Hidden, GateActivation.Gelu), (a, b) => (float)(a - b)).ToArray();
            errors.Add(rest.Sum(r => (double)r * r));
            weights = Moved(weights, GaussNewtonStep.Of(inputs, weights, rest, Hidden, GateActivation.Gelu), 1);
        }

        Assert.True(errors[1] < 0.2 * errors[0] && errors[2] < 0.7 * errors[1], string.Join(' ', errors));
    }

    [Fact]
    public void What_gives_nothing_stays_and_what_is_not_finite_is_refused()
    {
        const int Rows = 9, Hidden = 3, Width = 4;
        var (weights, residual) = (Mlp(Hidden, Width, 2), Values.Floats(Rows * Hidden, 5));
        foreach (var still in new[]
        {
            GaussNewtonStep.Of(new float[Rows * Hidden], weights, residual, Hidden, GateActivation.Silu),
            GaussNewtonStep.Of(Values.Floats(Rows * Hidden), GatedMlp.Zero(Hidden, Width), residual, Hidden, GateActivation.Silu),
            GaussNewtonStep.Of(Values.Floats(Rows * Hidden), weights, new float[Rows * Hidden], Hidden, GateActivation.Silu),
        })
            Assert.Equal(0, still.Dot(still));
        residual[4] = float.NaN;
        Assert.Throws<ArgumentException>(
            () => GaussNewtonStep.Of(Values.Floats(Rows * Hidden), weights, residual, Hidden, GateActivation.Silu));
        residual[4] = 0;
        weights.Gate[2] = double.PositiveInfinity;
        Assert.Throws<ArgumentException>(
            () => GaussNewtonStep.Of(Values.Floats(Rows * Hidden), weights, residual, Hidden, GateActivation.Silu));
    }

    private static GateActivation Named(string name) => name switch
    {
        "silu" => GateActivation.Silu,
        "gelu" => GateActivation.Gelu,
        "tanh gelu" => GateActivation.TanhGelu,
        _ => GateActivation.Relu,
    };

    private static GatedMlp Mlp(int hidden, int width, int seed) => new(
        Values.Of(hidden * width, seed), Values.Of(hidden * width, seed + 100), Values.Of(hidden * width, seed + 200));

    private static GatedMlp Moved(GatedMlp weights, GatedMlp change, double share)
    {
        var moved = new GatedMlp([.. weights.Gate], [.. weights.Up], [.. weights.Down]);
        moved.Add(change, share);
        return moved;
    }

    /// <summary>By the plain loops, in float64 throughout.</summary>
    private static double[] Outputs(float[] inputs, GatedMlp weights, int hidden, GateActivation activation)
    {
        var (rows, width) = (inputs.Length / hidden, weights.Down.Length / hidden);
        double[] h = [.. inputs];
        var (a, u) = (Values.Product(h, weights.Gate, rows, hidden, width), Values.Product(h, weights.Up, rows, hidden, width));
        return Values.Product([.. a.Zip(u, (p, q) => activation.Value(p) * q)], weights.Down, rows, width, hidden);
    }

    /// <summary>min |J d - R|^2 + the ridge of each unknown, J column after column.</summary>
    private static GatedMlp DenseSolution(MlpTangent tangent, float[] inputs, GatedMlp weights, float[] residual, int hidden)
    {
        var (rows, size) = (inputs.Length / hidden, weights.Gate.Length);
        var width = size / hidden;
        var jacobian = Matrix<double>.Build.DenseOfColumnArrays(Enumerable.Range(0, 3 * size).Select(k => tangent.Image(Change(Unit(k)))));

        double[] h = [.. inputs];
        var (a, u) = (Values.Product(h, weights.Gate, rows, hidden, width), Values.Product(h, weights.Up, rows, hidden, width));
        var ofInputs = 1e-2 * h.Sum(v => v * v) / rows / hidden;
        var features = a.Zip(u, (p, q) => GateActivation.Silu.Value(p) * q).ToArray();
        var ofFeatures = 1e-2 * features.Sum(v => v * v) / width;
        var gates = Scales(a.Zip(u, (p, q) => GateActivation.Silu.Slope(p) * q));
        var ups = Scales(a.Select(GateActivation.Silu.Value));
        var normal = jacobian.TransposeThisAndMultiply(jacobian);
        for (var k = 0; k < 3 * size; k++)
        {
            normal[k, k] += k < size ? ofInputs * gates[k % width]
                : k < 2 * size ? ofInputs * ups[(k - size) % width]
                : ofFeatures;
        }

        var right = jacobian.TransposeThisAndMultiply(Vector<double>.Build.DenseOfEnumerable(residual.Select(r => (double)r)));
        return Change(normal.Cholesky().Solve(right).ToArray());

        double[] Unit(int k) => [.. Enumerable.Range(0, 3 * size).Select(i => i == k ? 1.0 : 0)];
        GatedMlp Change(double[] all) => new(all[..size], all[size..(2 * size)], all[(2 * size)..]);
        double[] Scales(IEnumerable<double> slopes)
        {
            var sums = new double[width];
            foreach (var (k, slope) in slopes.Index()) sums[k % width] += slope * slope;
            for (var n = 0; n < width; n++) sums[n] *= weights.Down[(n * hidden)..((n + 1) * hidden)].Sum(v => v * v);
            return [.. sums.Select(s => s + (0.01 * sums.Average()))];
        }
    }
}
