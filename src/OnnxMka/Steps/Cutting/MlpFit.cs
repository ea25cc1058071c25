using System.Collections.Immutable;
using System.Numerics.Tensors;
using OnnxMka.Bench;
using OnnxMka.Cutting;
using OnnxMka.Numerics;

namespace OnnxMka.Steps.Cutting;

/// <summary>
/// Gate, up and down projection of an MLP fitted together to what its unit lacks: one step of Gauss-Newton, as far as it helps.
/// </summary>
internal static class MlpFit
{
    private const int Steps = 12; // of conjugate gradients
    private static readonly double[] Shares = [1, 0.5, 0.25];

    /// <summary>
    /// Products that one MLP may take, 16 a step and row (8 multiplications and as many additions of [hidden, width]): half a minute at
    /// 130 G a second.
    /// </summary>
    private const double MostOperations = 4e12;

    /// <summary>Rows that are fitted to: all there are, or as many as the time allows.</summary>
    /// <param name="elements">Of its up projection.</param>
    public static long Rows(long rows, long elements) => Math.Min(rows, Math.Max(1, (long)(MostOperations / RowOperations(elements))));

    /// <summary>Multiplications and additions of one MLP.</summary>
    /// <param name="elements">Of its up projection.</param>
    public static double Operations(long rows, long elements) => Math.Min(MostOperations, rows * RowOperations(elements));

    private static double RowOperations(long elements) => 16.0 * Steps * elements;

    /// <param name="scale">What the MLP's sum is multiplied with on its way to the stream.</param>
    public static Proposal Of(UnitBench unit, GatedUnit mlp, double scale)
    {
        return new Proposal($"{mlp.Neurons.Down.Parameter.Role} with gate and up", Ways());

        IEnumerable<Way> Ways()
        {
            var weights = mlp.Weights();
            var change = Change(unit, mlp, weights, (float)scale);
            foreach (var share in Shares) yield return new Way(null, () => Moved(mlp, weights, change, share));
        }
    }

    private static FormEdit? Moved(GatedUnit mlp, GatedMlp weights, GatedMlp change, double share)
    {
        var moved = new GatedMlp([.. weights.Gate], [.. weights.Up], [.. weights.Down]);
        moved.Add(change, share);
        return double.IsFinite(moved.Dot(moved)) ? new FormEdit(mlp.With(moved)) : null;
    }

    private static GatedMlp Change(UnitBench unit, GatedUnit mlp, GatedMlp weights, float scale)
    {
        var (hidden, rows) = (mlp.Hidden, (int)Rows(unit.Rows, (long)mlp.Hidden * mlp.Width));
        var (inputs, residual) = (new float[rows * hidden], new float[rows * hidden]);
        var (length, samples) = (unit.Goal.Fit.Set.Length, unit.Goal.Fit.Set.Count);
        var (sample, filled) = (0, 0);
        unit.Observe(mlp.Input, (y, t, h) =>
        {
            // Where not all are taken: as many from every sample.
            var (from, to) = ((int)((long)rows * sample / samples), (int)((long)rows * (sample + 1) / samples));
            var count = Math.Min(Math.Min(to - from, length), rows - filled) * hidden;
            h[..count].CopyTo(inputs.AsSpan(filled * hidden));
            TensorPrimitives.Divide(UnitBench.Residual(t, y).AsSpan(0, count), scale, residual.AsSpan(filled * hidden));
            filled += count / hidden;
            sample++;
        });
        return GaussNewtonStep.Of(inputs, weights, residual, hidden, mlp.Activation, Steps);
    }
}
