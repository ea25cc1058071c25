using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Compensation;
using OnnxMka.Cutting;
using OnnxMka.Numerics;
using OnnxMka.Running.Parts;
using OnnxMka.Steps.Correcting;
using OnnxMka.Steps.Refitting;
using OnnxMka.Structure;

namespace OnnxMka.Steps.Caching;

/// <summary>
/// Narrows the heads of each unit with a cache, on the stream that the changed prefix gives, and refits the projection behind.
/// </summary>
/// <param name="units">By number in the input.</param>
/// <param name="isFused">Keys and values, else values alone.</param>
internal sealed class KvWork(ImmutableHashSet<int> units, int size, bool isFused, bool refit) : IUnitWork
{
    public bool EachToken => true;

    public bool Changes(int unit) => units.Contains(unit);

    public string? Announced(BlockMap map, long rows) => new RefitWork(RefitWork.UsualRidge, 1).Announced(map, rows);

    public IEnumerable<Proposal> On(UnitBench unit)
    {
        if (!units.Contains(unit.Unit)) yield break;
        var (heads, narrow, obstacle) = isFused ? Fused(unit) : Values(unit);
        if (obstacle is not null) throw KvCaches.Refused($"layer {unit.Model.Map.Blocks[unit.Place].Name}", obstacle);
        var what = isFused ? "keys and values" : heads!.Values.Parameter.Role;
        yield return Proposal.Required($"{what}, {size} of {heads!.Size} columns a head", () => Narrowed(unit, heads, narrow!));
        if (!refit) yield break;
        foreach (var proposal in RefitWork.Fits(unit, w => w.Weight == heads.Outer.Parameter)) yield return proposal;
    }

    private (ValueHeads?, Func<double[], NarrowForm>?, string?) Values(UnitBench unit)
    {
        var (heads, obstacle) = ValueHeads.Of(unit.Model, unit.Place);
        obstacle ??= heads!.Disproof(unit.Place, size, unit.Chain, unit.Sample, unit.Stop);
        return (heads, gram => heads!.Narrowed(gram, size), obstacle);
    }

    private (ValueHeads?, Func<double[], NarrowForm>?, string?) Fused(UnitBench unit)
    {
        var (heads, obstacle) = FusedHeads.Of(unit.Model, unit.Place);
        obstacle ??= heads!.Disproof(unit.Place, size, unit.Chain, unit.Sample, unit.Stop);
        return (
            heads?.Values,
            gram => heads!.Narrowed(gram, Energies(unit, heads.Taps.Queries), Energies(unit, heads.Taps.Keys), size),
            obstacle);
    }

    private static FormEdit Narrowed(UnitBench unit, ValueHeads heads, Func<double[], NarrowForm> narrow)
    {
        GC.Collect(); // the sums of the unit before may be gigabytes
        var sums = new NormalEquations(heads.Outer.Inputs, 0);
        unit.Observe(heads.Features, (_, _, f) => sums.Add(f, []));
        var form = narrow(sums.TakeGram(false));
        return new FormEdit(form.Revisions, form.Nodes);
    }

    /// <summary>Sum of squares of each column of a value inside the unit.</summary>
    private static double[] Energies(UnitBench unit, string value)
    {
        double[]? sums = null;
        unit.Observe(value, (y, _, rows) =>
        {
            var columns = rows.Length / (y.Length / unit.Width);
            sums ??= new double[columns];
            for (var i = 0; i < rows.Length; i++) sums[i % columns] += (double)rows[i] * rows[i];
        });
        return sums!;
    }
}
