using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph.Editing;
using OnnxMka.Structure;

namespace OnnxMka.Bench;

/// <summary>What a pass does with each unit (<see cref="Pass"/>).</summary>
internal interface IUnitWork
{
    /// <summary>
    /// Every token's error counts relative to the size of its own original row: what reads the stream normalises it, and large tokens would
    /// outweigh all others.
    /// </summary>
    bool EachToken { get; }

    /// <summary>True for units that it changes whatever went before them.</summary>
    /// <param name="unit">Number in the input.</param>
    bool Changes(int unit) => false;

    /// <summary>A line for people before the pass; null for none.</summary>
    /// <param name="rows">Tokens that are fitted to.</param>
    string? Announced(BlockMap map, long rows) => null;

    /// <summary>
    /// What one unit takes: every unit is run once over all text to move the stream on; what is done with it comes on top.
    /// </summary>
    /// <param name="most">Where every way is tried; else where the first is kept, as most often.</param>
    Effort Effort(BlockMap map, CalibrationSplit split, bool most = false) =>
        new(1, 0, split.Fit.TokenCount + split.HeldOut!.TokenCount, 0);

    /// <summary>Of the widest least squares of a model, where text may be too little for it; else 0.</summary>
    int Unknowns(BlockMap map) => 0;

    /// <summary>Changes in order. Each is tried before the next is asked for, so that it sees the unit as it then is.</summary>
    IEnumerable<Proposal> On(UnitBench unit);
}

/// <summary>One change of a unit, in several ways.</summary>
/// <param name="Place">Weight or seam.</param>
/// <param name="Ways">The first that lowers the held-out error is kept.</param>
internal sealed record Proposal(string Place, IEnumerable<Way> Ways)
{
    /// <summary>Why there is no way; null otherwise.</summary>
    public string? Obstacle { get; private init; }

    /// <summary>True for what is done whatever it does to the error; then there is one way.</summary>
    public bool IsRequired { get; private init; }

    public static Proposal None(string place, string obstacle) => new(place, []) { Obstacle = obstacle };

    /// <summary>Done whatever it does to the error.</summary>
    public static Proposal Required(string place, Func<UnitEdit> make) => new(place, [new Way(null, make)]) { IsRequired = true };

    /// <summary>Ridges that are tried, at most.</summary>
    public const int Trials = 4;

    /// <summary>A ridge that grows tenfold.</summary>
    /// <param name="first">In units of the mean diagonal.</param>
    /// <param name="make">The change with a ridge; null where its equations have no stable solution.</param>
    public static Proposal Ridges(string place, double first, Func<double, UnitEdit?> make)
    {
        return new Proposal(place, Ways());

        IEnumerable<Way> Ways()
        {
            var ridge = first;
            for (var i = 0; i < Trials; i++, ridge *= 10)
            {
                var current = ridge;
                yield return new Way(current, () => make(current));
            }
        }
    }
}

/// <summary>One way to change a unit.</summary>
/// <param name="Ridge">In units of the mean diagonal; null where it has none.</param>
/// <param name="Make">Null where it comes to no finite change.</param>
internal sealed record Way(double? Ridge, Func<UnitEdit?> Make);

/// <summary>A change of a unit.</summary>
internal abstract record UnitEdit;

/// <summary>W + change, and b + shift.</summary>
/// <param name="Change">[out, in]</param>
/// <param name="Shift">[out]; null where the bias stays.</param>
internal sealed record WeightEdit(ResidualWriter Writer, double[] Change, double[]? Shift) : UnitEdit;

/// <summary>Parameters of other values and sizes, and what that asks of nodes.</summary>
internal sealed record FormEdit(ImmutableArray<Revision> Revisions, EditScript Nodes) : UnitEdit
{
    public FormEdit(ImmutableArray<Revision> revisions)
        : this(revisions, new EditScript())
    {
    }
}

/// <summary>Nodes behind the unit.</summary>
internal sealed record SeamEdit(SeamMap Map) : UnitEdit;
