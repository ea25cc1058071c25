using System.Collections.Immutable;
using System.Text.RegularExpressions;
using OnnxMka.Blocks;
using OnnxMka.Graph;
using OnnxMka.Planning;

namespace OnnxMka.Rewriting;

/// <summary>
/// Closes the gaps in the numbers of cache ports: runtimes look for <c>past_key_values.0.key</c> to <c>past_key_values.{n-1}.key</c>.
/// <code>
/// before   past_key_values.0.key  past_key_values.2.key  present.0.key  present.2.key
/// after    past_key_values.0.key  past_key_values.1.key  present.0.key  present.1.key
/// </code>
/// </summary>
internal static partial class KvPortRenumber
{
    /// <summary>Old to new names of the ports that change.</summary>
    public static ImmutableDictionary<string, string> Names(BlockMap map, MergePlan plan)
    {
        var names = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        Func<Block, ImmutableArray<KvPort>>[] sides = [b => b.KvInputs, b => b.KvOutputs];
        foreach (var side in sides)
        {
            var slots = map.Blocks.Max(b => side(b).Length);
            for (var slot = 0; slot < slots; slot++) RenumberSlot(map, plan, b => side(b).FirstOrDefault(p => p.Slot == slot)?.Name, names);
        }

        return names.Where(n => n.Key != n.Value).ToImmutableDictionary(StringComparer.Ordinal);
    }

    /// <summary>Refuses new names of ports that a value has which keeps its name: a port that no block reads, or a value that is none of a cache.</summary>
    /// <param name="ports">Old to new names of ports.</param>
    /// <param name="names">Old to new names of all values.</param>
    public static void CheckFree(OnnxModel pruned, ImmutableDictionary<string, string> ports, ImmutableDictionary<string, string> names)
    {
        var taken = LayerNames.Staying(LayerNames.AllValues(pruned), names.Keys);
        if (ports.Values.FirstOrDefault(name => !taken.Add(name)) is { } name)
            throw new RefusedException("MKA016", name, "caches are renumbered, and this name belongs to no cache of a block that is left", "Rename or remove what has it: cache ports are numbered by layer");
    }

    private static void RenumberSlot(BlockMap map, MergePlan plan, Func<Block, string?> port, ImmutableDictionary<string, string>.Builder names)
    {
        var having = map.Blocks.Where(b => port(b) is not null).ToArray();
        var survivors = plan.Groups.Zip(plan.Places, (g, place) => (Block: map.Blocks[g.Block], place)).Where(s => port(s.Block) is not null).ToArray();
        if (NumberPosition(having.Select(b => port(b)!).ToArray(), having.Select(b => b.Layer).ToArray()) is { } position)
        {
            foreach (var (block, place) in survivors) names[port(block)!] = WithNumber(port(block)!, position, place);
            return;
        }

        // Numbers that do not follow the layers (or none at all): the survivors take the first names in order.
        for (var i = 0; i < survivors.Length; i++) names[port(survivors[i].Block)!] = port(having[i])!;
    }

    /// <summary>Which run of digits in the names is the block's own number; null where none is.</summary>
    private static int? NumberPosition(string[] names, int[] blocks)
    {
        var numbers = names.Select(n => Digits().Matches(n).Select(m => m.Value).ToArray()).ToArray();
        for (var position = 0; position < numbers.Min(n => n.Length); position++)
        {
            if (numbers.Zip(blocks).All(p => p.First[position] == p.Second.ToString())) return position;
        }

        return null;
    }

    private static string WithNumber(string name, int position, int number)
    {
        var seen = 0;
        return Digits().Replace(name, m => seen++ == position ? number.ToString() : m.Value);
    }

    [GeneratedRegex("[0-9]+", RegexOptions.CultureInvariant, Timeout.Infinite)]
    private static partial Regex Digits();
}
