using System.Collections.Immutable;
using OnnxMka.Planning;

namespace OnnxMka.Bench;

/// <summary>Something that was changed in a unit beyond what it is a mix of.</summary>
/// <param name="Unit">Number in the input.</param>
/// <param name="By">Name of the kind of step.</param>
internal sealed record UnitChange(int Unit, string By);

/// <summary>Where the units of a model come from, through all steps of a run.</summary>
public sealed record Lineage
{
    internal Lineage(MergePlan plan, ImmutableArray<UnitChange> changes)
    {
        Plan = plan;
        Changes = changes;
    }

    /// <summary>What became of the input's units; its steps are those of all removals, in order.</summary>
    internal MergePlan Plan { get; init; }

    /// <summary>What was done to those that stayed.</summary>
    internal ImmutableArray<UnitChange> Changes { get; init; }

    /// <summary>Numbers of the input's units that are left, in order.</summary>
    public IEnumerable<int> Kept => Plan.Groups.Select(g => g.Block);

    /// <summary>Numbers of the input's units that went, ascending: dropped, or merged into another.</summary>
    public IEnumerable<int> Removed => Plan.Removed;

    /// <summary>That of the input itself.</summary>
    internal static Lineage Of(string fingerprint, int units, ImmutableArray<string>? names) => new(
        new MergePlan(
            fingerprint,
            Method.Drop,
            Order.Similarity,
            units,
            [],
            [.. Enumerable.Range(0, units).Select(u => new MergeGroup(u, MergePlan.Single(u)))],
            [])
        {
            Units = names,
        },
        []);

    /// <summary>Places in the result of the units that were changed, with what did it; in order.</summary>
    public IEnumerable<(int Place, string By)> Changed =>
        Plan.Groups.SelectMany((group, place) => Changes.Where(c => c.Unit == group.Block).Select(c => (place, c.By)));

    /// <summary>This one and what a run made of its model after it: from the first original to the result.</summary>
    /// <param name="run">Of a run whose input is the model that this one ends with.</param>
    internal Lineage Then(Lineage run)
    {
        var through = Then(run.Plan) with { };
        var changes = run.Changes.Select(c => new UnitChange(InInput(c.Unit), c.By));
        var plan = through.Plan with { Fingerprint = run.Plan.Fingerprint, Method = run.Plan.Method };
        return new Lineage(plan, [.. through.Changes, .. changes.Where(c => !through.Changes.Contains(c))]);
    }

    /// <summary>A unit of this model, by its place from 0, as number of the input.</summary>
    public int InInput(int unit) => Plan.Groups[unit].Block;

    /// <summary>The same after another plan, which counts the units of this model.</summary>
    internal Lineage Then(MergePlan next) =>
        this with { Plan = Plan.Then(next), Changes = [.. Changes.Where(c => next.Groups.Any(g => InInput(g.Block) == c.Unit))] };

    /// <summary>The same with units of this model changed.</summary>
    internal Lineage WithChanged(IEnumerable<int> places, string by) =>
        this with
        {
            Changes =
            [
                .. Changes,
                .. places.Distinct().Select(place => new UnitChange(InInput(place), by)).Where(c => !Changes.Contains(c)),
            ],
        };
}
