using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Numerics;
using OnnxMka.Steps.Correcting;
using OnnxMka.Structure;

namespace OnnxMka.Steps.SeamMapping;

/// <summary>
/// Nodes behind each cut that bring the stream x near the original's t:
/// <code>
/// linear    x &lt;- x + x A,  A = (x'x + aI)^-1 x'(t - x)
/// hadamard  x &lt;- x H diag(d) H',  d_k = mean |(t H)_k| / mean |(x H)_k|
/// scale     x &lt;- x g,  g = mean |t| / mean |x|
/// </code>
/// </summary>
public sealed record MapSeams : CorrectionStep
{
    /// <summary>Which map.</summary>
    public SeamMapForm Map { get; init; }

    internal override string Name => Map.ToString().ToLowerInvariant();

    internal override IUnitWork Work() => new SeamMapWork(Map, Ridge ?? 1e-3);
}

/// <summary>One map behind a unit behind which others went.</summary>
internal sealed class SeamMapWork(SeamMapForm form, double ridge) : IUnitWork
{
    private const string Place = "seam";

    public bool EachToken => false;

    /// <summary>Of a unit behind which others went: most others are only run.</summary>
    public Effort Effort(BlockMap map, CalibrationSplit split, bool most = false)
    {
        var tries = most ? Proposal.Trials : 1;
        var (rows, heldOut) = (split.Fit.TokenCount, split.HeldOut!.TokenCount);
        var writers = ResidualWriters.Of(map, NormalisedView.Of(map.Model), map.Blocks[map.Count / 2]).Writers;
        var width = form == SeamMapForm.Linear && writers.Length > 0 ? writers[0].Outputs : 0;
        return new Effort(1, 1, (2 * rows) + ((tries + 2) * heldOut), LeastSquares.Operations(rows, width, width, tries));
    }

    public IEnumerable<Proposal> On(UnitBench unit)
    {
        if (unit.IsCut) yield return form == SeamMapForm.Linear ? Linear(unit) : Magnitudes(unit);
    }

    private Proposal Linear(UnitBench unit)
    {
        var width = unit.Width;
        var equations = LeastSquares.Of(unit.Rows, width, width);
        unit.Observe(null, (y, t, _) => equations.Add(y, UnitBench.Residual(t, y)));
        var solved = equations.Solver(centred: false);
        return Proposal.Ridges(
            Place,
            ridge,
            r => solved(r) is { } change ? Finite(SeamMap.Linear(Dense.Transpose(change, width, width), width)) : null);
    }

    private Proposal Magnitudes(UnitBench unit)
    {
        var magnitudes = new ChannelMagnitudes(unit.Width, form == SeamMapForm.Hadamard);
        unit.Observe(null, (y, t, _) => magnitudes.Add(y, t));
        var map = form == SeamMapForm.Hadamard ? SeamMap.Hadamard(magnitudes.ByChannel()) : SeamMap.Scale(magnitudes.Overall());
        return new Proposal(Place, [new Way(null, () => Finite(map))]);
    }

    private static SeamEdit? Finite(SeamMap map) => map.Values.All(double.IsFinite) ? new SeamEdit(map) : null;
}
