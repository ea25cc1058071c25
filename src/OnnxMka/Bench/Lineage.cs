using System.Collections.Immutable;
using OnnxMka.Planning;

namespace OnnxMka.Bench;

/// <summary>Something that was changed in a unit beyond what it is a mix of.</summary>
/// <param name="Unit">Number in the input.</param>
/// <param name="By">Name of the kind of step.</param>
public sealed record UnitChange(int Unit, string By);

/// <summary>Where the units of a model come from, through all steps of a run.</summary>
/// <param name="Plan">What became of the input's units; its steps are those of all removals, in order.</param>
/// <param name="Changes">What was done to those that stayed.</param>
public sealed record Lineage(MergePlan Plan, ImmutableArray<UnitChange> Changes)
{
    /// <summary>That of the input itself.</summary>
    public static Lineage Of(string fingerprint, int units, ImmutableArray<string>? names) => new(
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
    public Lineage Then(Lineage run)
    {
        var through = Then(run.Plan) with { };
        var changes = run.Changes.Select(c => new UnitChange(InInput(c.Unit), c.By));
        var plan = through.Plan with { Fingerprint = run.Plan.Fingerprint, Method = run.Plan.Method };
        return new Lineage(plan, [.. through.Changes, .. changes.Where(c => !through.Changes.Contains(c))]);
    }

    /// <summary>Units of the model before this one, by number there, as numbers of the input.</summary>
    public int InInput(int unit) => Plan.Groups[unit].Block;

    /// <summary>The same after another plan, which counts the units of this model.</summary>
    public Lineage Then(MergePlan next) =>
        this with { Plan = Plan.Then(next), Changes = [.. Changes.Where(c => next.Groups.Any(g => InInput(g.Block) == c.Unit))] };

    /// <summary>The same with units of this model changed.</summary>
    public Lineage WithChanged(IEnumerable<int> places, string by) =>
        this with
        {
            Changes =
            [
                .. Changes,
                .. places.Distinct().Select(place => new UnitChange(InInput(place), by)).Where(c => !Changes.Contains(c)),
            ],
        };
}
