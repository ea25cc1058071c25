using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Numerics;
using OnnxMka.Outcomes;
using OnnxMka.Steps.Correcting;
using OnnxMka.Structure;

namespace OnnxMka.Steps.Refitting;

/// <summary>
/// Every weight that writes to the stream, from the first cut on, is fitted anew to the original seams:
/// <code>
/// W += (c'c + aI)^-1 c'(t - y)
/// </code>
/// with c what the weight multiplies, y what its block leaves, t the original seam that enters the next kept block, and each token's row of
/// c and of t - y divided by the root mean square of t.
/// </summary>
public sealed record Refit : CorrectionStep
{
    /// <summary>Far more than change anything.</summary>
    internal const int MostPasses = 16;

    /// <summary>How often it goes over the weights of each block: the first weight is fitted again once the last has changed.</summary>
    [Bounds(1, Most = MostPasses)]
    public int Passes { get; init; } = 1;

    internal override string Name => "refit";

    internal override IUnitWork Work() => new RefitWork(Ridge ?? RefitWork.UsualRidge, Passes);
}

/// <summary>All writers of a unit, as often as the passes say.</summary>
internal sealed class RefitWork(double ridge, int passes) : IUnitWork
{
    /// <summary>In units of the mean diagonal.</summary>
    public const double UsualRidge = 1e-2;

    public bool EachToken => true;

    /// <summary>Beside the part that runs: the sums and a solution of the widest weight, in float64.</summary>
    /// <param name="rows">Tokens that are fitted to.</param>
    public static long Bytes(BlockMap map, long rows) =>
        Writers(map).Select(w => LeastSquares.Bytes(rows, w.Inputs, w.Outputs)).DefaultIfEmpty().Max();

    public string? Announced(BlockMap map, long rows)
    {
        if (Bytes(map, rows) is not (> 0 and var bytes)) return null;
        var line = $"a refit takes up to {bytes / 1e6:N1} MB beside the block that runs";
        var inputs = Unknowns(map);
        if (rows >= inputs) return line;
        return $"{line}; its {rows:N0} tokens are fewer than the {inputs:N0} inputs of the widest weight, "
            + "and more would help (--calib-samples)";
    }

    public int Unknowns(BlockMap map) => Writers(map).Select(w => w.Inputs).DefaultIfEmpty().Max();

    public Effort Effort(BlockMap map, CalibrationSplit split, bool most = false) =>
        WriterFits.Effort(map, split, writers => writers, passes, most);

    public IEnumerable<Proposal> On(UnitBench unit) => Fits(unit, _ => true, ridge, passes);

    /// <summary>Of some writers of a unit, for work that does more with it.</summary>
    public static IEnumerable<Proposal> Fits(
        UnitBench unit, Func<ResidualWriter, bool> pick, double ridge = UsualRidge, int passes = 1) => WriterFits.Of(
        unit, writers => writers.Where(pick), passes, ridge, true, (_, _, equations, centred) => equations.Solver(centred));

    private static IEnumerable<ResidualWriter> Writers(BlockMap map)
    {
        var view = NormalisedView.Of(map.Model);
        return map.Blocks.SelectMany(b => ResidualWriters.Of(map, view, b).Writers);
    }
}
