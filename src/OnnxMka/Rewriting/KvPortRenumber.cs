using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>
/// Closes the gaps in the numbers of cache ports: runtimes look for <c>past_key_values.0.key</c> to <c>past_key_values.{n-1}.key</c>.
/// <code>
/// before   past_key_values.0.key  past_key_values.2.key  present.0.key  present.2.key
/// after    past_key_values.0.key  past_key_values.1.key  present.0.key  present.1.key
/// </code>
/// What the numbers count (<see cref="PortNumbers"/>) decides; a port never gets the name of another kind of state.
/// </summary>
internal static class KvPortRenumber
{
    private static readonly Func<Block, ImmutableArray<KvPort>>[] _sides = [b => b.KvInputs, b => b.KvOutputs];

    /// <summary>Old to new names of the ports that change. Refuses numbers that would have to change and count nothing known.</summary>
    public static ImmutableDictionary<string, string> Names(BlockMap map, MergePlan plan)
    {
        var places = plan.Groups.Zip(plan.Places, (g, place) => (g.Block, place)).ToDictionary(g => g.Block, g => g.place);
        return _sides.SelectMany(side => PortNumbers.Of(map.Blocks, side).Renumbered(places))
            .Where(n => n.Key != n.Value)
            .ToImmutableDictionary(StringComparer.Ordinal);
    }

    /// <summary>
    /// Refuses new names of ports that a value has which keeps its name: a port that no block reads, or a value that is none of a cache.
    /// </summary>
    /// <param name="ports">Old to new names of ports.</param>
    /// <param name="names">Old to new names of all values.</param>
    public static void CheckFree(OnnxModel pruned, ImmutableDictionary<string, string> ports, ImmutableDictionary<string, string> names)
    {
        var taken = LayerNames.Staying(LayerNames.AllValues(pruned), names.Keys);
        if (ports.Values.FirstOrDefault(name => !taken.Add(name)) is { } name)
        {
            throw new RefusedException(
                "MKA016",
                name,
                "caches are renumbered, and this name belongs to no cache of a block that is left",
                "Rename or remove what has it: cache ports are numbered by layer");
        }
    }
}
