using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Numerics;
using OnnxMka.Structure;

namespace OnnxMka.Steps.Correcting;

/// <summary>
/// Solves the equations of a weight that writes to the stream: its change with a ridge, [out, in]; null where there is no stable one.
/// </summary>
/// <param name="read">Gives the weight as it is, [in, out].</param>
/// <param name="equations">c D = R.</param>
/// <param name="centred">The weight has a bias, which takes the means.</param>
internal delegate Func<double, double[]?> WriterSolver(ResidualWriter writer, Func<double[]> read, LeastSquares equations, bool centred);

/// <summary>Least squares of weights that write to the stream: c is what such a weight multiplies, R what its unit lacks.</summary>
internal static class WriterFits
{
    /// <summary>One proposal a weight and pass, and one that says why for each that cannot be fitted.</summary>
    /// <param name="pick">Which of the unit's writers, in running order.</param>
    /// <param name="eachToken">Each token's equation is divided by the root mean square of its original row.</param>
    public static IEnumerable<Proposal> Of(
        UnitBench unit,
        Func<ImmutableArray<ResidualWriter>, IEnumerable<ResidualWriter>> pick,
        int passes,
        double ridge,
        bool eachToken,
        WriterSolver solver)
    {
        var (writers, obstacles) = unit.Writers;
        foreach (var obstacle in obstacles)
            yield return Proposal.None(obstacle, "its result reaches the stream through no plain float weight");
        ResidualWriter[] chosen = [.. pick(writers)];
        foreach (var writer in chosen.Where(w => w.Outputs != unit.Width))
            yield return Proposal.None(writer.Weight.Role, $"it writes {writer.Outputs} columns and the stream has {unit.Width}");
        ResidualWriter[] fitted = [.. chosen.Where(w => w.Outputs == unit.Width)];
        for (var pass = 0; pass < passes; pass++)
        {
            foreach (var writer in fitted) yield return Of(unit, writer, ridge, eachToken, solver);
        }
    }

    /// <summary>
    /// What a unit takes: a weight is looked at over what is fitted to, and tried on what is held out; where no ridge helps it is loaded
    /// again as it was. Of one block in the middle.
    /// </summary>
    /// <inheritdoc cref="IUnitWork.Effort"/>
    public static Effort Effort(
        BlockMap map,
        CalibrationSplit split,
        Func<ImmutableArray<ResidualWriter>, IEnumerable<ResidualWriter>> pick,
        int passes,
        bool most)
    {
        var (tries, again) = most ? (Proposal.Trials, 1) : (1, 0);
        var (rows, heldOut) = (split.Fit.TokenCount, split.HeldOut!.TokenCount);
        var writers = ResidualWriters.Of(map, NormalisedView.Of(map.Model), map.Blocks[map.Count / 2]).Writers;
        var each = pick(writers).Select(w => new Effort(
            0, tries + again, rows + (tries * heldOut), LeastSquares.Operations(rows, w.Inputs, w.Outputs, tries)));
        return new Effort(1, 0, rows + (2 * heldOut), 0) + (passes * each.Aggregate(default(Effort), (a, b) => a + b));
    }

    private static Proposal Of(UnitBench unit, ResidualWriter writer, double ridge, bool eachToken, WriterSolver solver)
    {
        GC.Collect(); // what the last weight left may be gigabytes, and the next sums would come on top
        var equations = LeastSquares.Of(unit.Rows, writer.Inputs, writer.Outputs);
        unit.Observe(writer.Features, (y, t, features) =>
            equations.Add(features, UnitBench.Residual(t, y), eachToken ? StreamRows.InverseNorms(t, writer.Outputs) : []));
        var centred = writer.Bias is not null;
        var solved = solver(writer, () => unit.Weight(writer), equations, centred);
        return Proposal.Ridges(
            writer.Weight.Role,
            ridge,
            r => solved(r) is { } change ? new WeightEdit(writer, change, centred ? equations.Intercept(change) : null) : null);
    }
}
