using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Steps.Correcting;
using OnnxMka.Structure;

namespace OnnxMka.Steps.Folding;

/// <summary>
/// A linear map of what the last down projection before each cut writes, folded into that weight (ReplaceMe, arXiv 2505.02819):
/// <code>
/// W += W (M'M + aI)^-1 M'(t - y),  M = cW
/// </code>
/// The ridge shrinks the map towards the identity, so that a cut that changed nothing changes nothing.
/// </summary>
public sealed record Fold : CorrectionStep
{
    internal override string Name => "fold";

    internal override IUnitWork Work() => new FoldWork(Ridge ?? 1e-3);
}

/// <summary>The last writer of a unit behind which others went.</summary>
internal sealed class FoldWork(double ridge) : IUnitWork
{
    public bool EachToken => false;

    /// <summary>Of a unit behind which others went: most others are only run.</summary>
    public Effort Effort(BlockMap map, CalibrationSplit split, bool most = false) =>
        WriterFits.Effort(map, split, writers => writers.TakeLast(1), 1, most);

    public IEnumerable<Proposal> On(UnitBench unit) => !unit.IsCut
        ? []
        : WriterFits.Of(
            unit,
            writers => writers.TakeLast(1),
            1,
            ridge,
            EachToken,
            (writer, read, equations, centred) => equations.Solver(centred, read(), writer.Outputs));
}
