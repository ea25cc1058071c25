using System.Numerics.Tensors;

namespace OnnxMka.Numerics;

/// <summary>
/// A change of all weights of a gated MLP together that brings its outputs nearer to others: least squares on its tangent,
/// <c>min |J d - R|^2</c> and a ridge, by conjugate gradients. With <c>m</c> the mean of a matrix's diagonal, and for neuron n
/// <c>c_n = |Down_n|^2 sum P_n^2</c> (for up, Q), 1 % of their mean added,
/// <code>
/// ridge of gate and up's columns  l m(h'h / N) c_n        of down  l m(f'f)
/// preconditioner                  (h'h / N + l m I)^-1 / c_n       (f'f + l m I)^-1
/// </code>
/// Whether the MLP itself is better is for the caller to see: the tangent leaves it with the size of the step.
/// </summary>
internal sealed class GaussNewtonStep
{
    private const double Ridge = 1e-2;
    private const double Floor = 1e-2; // of the mean scale of a neuron
    private const double Least = 1e-150; // a ridge and a scale for what is zero throughout
    private const double Reached = 1e-16; // of the first squared residual: what rounding leaves

    private readonly MlpTangent _tangent;
    private readonly int _hidden;
    private readonly int _width;
    private readonly double[] _gateScales; // [width]
    private readonly double[] _upScales; // [width]
    private readonly double _inputRidge;
    private readonly double _featureRidge;
    private readonly Cholesky _inputs;
    private readonly Cholesky _features;

    private GaussNewtonStep(MlpTangent tangent, double[] down, int hidden)
    {
        (_tangent, _hidden, _width) = (tangent, hidden, down.Length / hidden);
        var (inputs, features, gates, ups) = tangent.Squares();
        TensorPrimitives.Divide<double>(inputs, tangent.Rows, inputs);
        (_inputs, _inputRidge) = Lifted(inputs, hidden);
        (_features, _featureRidge) = Lifted(features, _width);
        (_gateScales, _upScales) = (Scales(gates), Scales(ups));

        double[] Scales(double[] sums)
        {
            for (var n = 0; n < sums.Length; n++) sums[n] *= TensorPrimitives.SumOfSquares<double>(down.AsSpan(n * hidden, hidden));
            TensorPrimitives.Add<double>(sums, Math.Max(Least, Floor * TensorPrimitives.Sum<double>(sums) / sums.Length), sums);
            return sums;
        }
    }

    /// <summary>Bytes that are held at once, beside inputs, residual and weights.</summary>
    public static long Bytes(long rows, long hidden, long width) =>
        MlpTangent.Bytes(rows, hidden, width) + Cholesky.Bytes(hidden) + Cholesky.Bytes(width) +
        (sizeof(double) * ((hidden * hidden) + (width * width) + (14 * hidden * width)));

    /// <summary>The change.</summary>
    /// <param name="inputs">h [N, hidden], what enters gate and up.</param>
    /// <param name="residual">R [N, hidden]: what is wanted of the MLP, less what it gives.</param>
    /// <param name="steps">Of conjugate gradients, at most.</param>
    /// <exception cref="ArgumentException">Inputs, weights or the residual are not finite.</exception>
    public static GatedMlp Of(
        float[] inputs, GatedMlp weights, float[] residual, int hidden, GateActivation activation, int steps = 12)
    {
        var tangent = new MlpTangent(inputs, weights, hidden, activation);
        return new GaussNewtonStep(tangent, weights.Down, hidden).Solve(residual, steps);
    }

    private static (Cholesky Factor, double Ridge) Lifted(double[] gram, int n)
    {
        var trace = 0.0;
        for (var i = 0; i < n; i++) trace += gram[(i * n) + i];
        var ridge = Math.Max(Least, Ridge * trace / n);
        for (var i = 0; i < n; i++) gram[(i * n) + i] += ridge;
        return (Cholesky.Of(gram, n) ?? throw new ArgumentException("the products of inputs are not finite", nameof(gram)), ridge);
    }

    private GatedMlp Solve(float[] residual, int steps)
    {
        var (change, rest, image) = (Zero(), Zero(), Zero());
        _tangent.Turned(residual, rest);
        Precondition(rest, image);
        var direction = Zero();
        direction.Add(image, 1);
        var size = rest.Dot(image);
        if (!double.IsFinite(size)) throw new ArgumentException("the residual is not finite", nameof(residual));
        for (var (step, enough) = (0, Reached * size); step < steps && size > enough; step++)
        {
            _tangent.Normal(direction, image);
            AddRidge(direction, image);
            var share = size / direction.Dot(image);
            change.Add(direction, share);
            rest.Add(image, -share);
            Precondition(rest, image);
            var next = rest.Dot(image);
            direction.Turn(next / size, image);
            size = next;
        }

        return change;

        GatedMlp Zero() => GatedMlp.Zero(_hidden, _width);
    }

    private void AddRidge(GatedMlp change, GatedMlp sum)
    {
        for (var i = 0; i < _hidden; i++)
        {
            AddScaled(change.Gate, _gateScales, sum.Gate, i);
            AddScaled(change.Up, _upScales, sum.Up, i);
        }

        TensorPrimitives.MultiplyAdd<double>(change.Down, _featureRidge, sum.Down, sum.Down);

        void AddScaled(double[] values, double[] scales, double[] target, int row)
        {
            for (var n = 0; n < _width; n++) target[(row * _width) + n] += _inputRidge * scales[n] * values[(row * _width) + n];
        }
    }

    private void Precondition(GatedMlp rest, GatedMlp into)
    {
        Solved(rest.Gate, _gateScales).CopyTo(into.Gate, 0);
        Solved(rest.Up, _upScales).CopyTo(into.Up, 0);
        var down = Dense.Transpose(rest.Down, _width, _hidden);
        _features.Solve(down);
        Dense.Transpose(down, _hidden, _width).CopyTo(into.Down, 0);

        double[] Solved(double[] columns, double[] scales)
        {
            var rows = Dense.Transpose(columns, _hidden, _width);
            _inputs.Solve(rows);
            for (var n = 0; n < _width; n++)
            {
                var row = rows.AsSpan(n * _hidden, _hidden);
                TensorPrimitives.Divide(row, scales[n], row);
            }

            return Dense.Transpose(rows, _width, _hidden);
        }
    }
}
