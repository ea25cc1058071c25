using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Cutting;
using OnnxMka.Numerics;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Refitting;
using OnnxMka.Structure;

namespace OnnxMka.Steps.Caching;

/// <summary>Narrows the value heads of each unit that has them, on the stream that the changed prefix gives, and refits what they go into.</summary>
/// <param name="units">By number in the input.</param>
internal sealed class KvWork(ImmutableHashSet<int> units, int size, bool refit) : IUnitWork
{
    private const double Ridge = 1e-2;
    private const int ProofWindows = 2;

    public bool EachToken => true;

    public bool Changes(int unit) => units.Contains(unit);

    public string? Announced(BlockMap map, long rows) => new RefitWork(Ridge, 1).Announced(map, rows);

    public IEnumerable<Proposal> On(UnitBench unit)
    {
        if (!units.Contains(unit.Unit)) yield break;
        var (heads, obstacle) = ValueHeads.Of(unit.Model, unit.Place);
        var sample = (unit.Input.HeldOut ?? unit.Input.Fit).Head(ProofWindows);
        obstacle ??= heads!.Disproof(unit.Place, unit.Chain, sample, unit.Stop);
        if (obstacle is not null) throw KvCaches.Refused($"layer {unit.Model.Map.Blocks[unit.Place].Name}", obstacle);
        yield return Proposal.Required($"{heads!.Values.Parameter.Role}, {size} of {heads.Size} columns a head", () => Narrowed(unit, heads));
        if (!refit) yield break;
        var fits = WriterFits.Of(
            unit,
            writers => writers.Where(w => w.Weight == heads.Outer.Parameter),
            1,
            Ridge,
            true,
            (_, _, equations, centred) => equations.Solver(centred));
        foreach (var proposal in fits) yield return proposal;
    }

    private FormEdit Narrowed(UnitBench unit, ValueHeads heads)
    {
        GC.Collect(); // the sums of the unit before may be gigabytes
        var sums = new NormalEquations(heads.Outer.Inputs, 0);
        unit.Observe(heads.Features, (_, _, f) => sums.Add(f, []));
        var form = heads.Narrowed(sums.TakeGram(false), size);
        return new FormEdit(form.Revisions, form.Nodes);
    }
}
