using System.Globalization;
using System.Text.RegularExpressions;

namespace OnnxMka.Blocks;

/// <summary>Cache ports must come in pairs and in the order of their blocks, or renumbering them would mix caches up.</summary>
internal static partial class PortOrder
{
    /// <summary>Refuses unpaired ports, and numbers in their names that do not rise with the blocks.</summary>
    public static void Refuse(IReadOnlyList<Block> blocks)
    {
        RefuseUnpaired(blocks);
        foreach (var ports in new[] { blocks.Select(b => b.KvInputs), blocks.Select(b => b.KvOutputs) })
        {
            var bySlot = ports.SelectMany((p, block) => p.Select(port => (port.Slot, port.Name, block))).GroupBy(p => (p.Slot, Digits().Replace(p.Name, "#")));
            foreach (var slot in bySlot) RefuseFalling(slot.Select(p => (p.Name, p.block)).ToArray());
        }
    }

    /// <summary>Where caches are fed, a block has as many outputs as inputs; elsewhere all blocks have equally many outputs.</summary>
    private static void RefuseUnpaired(IReadOnlyList<Block> blocks)
    {
        var feeds = blocks.Any(b => b.KvInputs.Length > 0);
        var usual = blocks.GroupBy(b => b.KvOutputs.Length).MaxBy(g => g.Count())!.Key;
        if (blocks.FirstOrDefault(b => b.KvOutputs.Length != (feeds ? b.KvInputs.Length : usual)) is not { } block) return;
        var known = blocks.SelectMany(b => b.KvInputs.Concat(b.KvOutputs)).CountBy(p => Digits().Replace(p.Name, "#")).ToDictionary();
        var port = block.KvInputs.Concat(block.KvOutputs).MinBy(p => known[Digits().Replace(p.Name, "#")])?.Name ?? $"block {block.Index}";
        if (block.KvInputs.Length > block.KvOutputs.Length && block.KvInputs.Any(p => p.Name == port))
            throw new RefusedException("MKA012", port, $"it enters the layers at block {block.Index} alone, and no output belongs to it as to a cache", "Models with per-layer inputs or deepstack features are not supported");
        throw new RefusedException(
            "MKA016", port, $"block {block.Index} has {block.KvInputs.Length} cache inputs and {block.KvOutputs.Length} outputs of its own", "Cache ports must come in pairs; export the model again, without outputs from between its layers");
    }

    private static void RefuseFalling((string Name, int Block)[] ports)
    {
        var numbers = ports.Select(p => Digits().Matches(p.Name).Select(m => long.Parse(m.Value, CultureInfo.InvariantCulture)).ToArray()).ToArray();
        for (var position = 0; position < numbers[0].Length; position++)
        {
            for (var i = 1; i < ports.Length; i++)
            {
                if (numbers[i][position] < numbers[i - 1][position])
                    throw new RefusedException("MKA016", ports[i].Name, $"this cache port belongs to block {ports[i].Block}, behind {ports[i - 1].Name} of block {ports[i - 1].Block}", "The numbers of cache ports must follow the order of the layers; export the model again");
            }
        }
    }

    [GeneratedRegex("[0-9]{1,9}", RegexOptions.CultureInvariant, Timeout.Infinite)]
    private static partial Regex Digits();
}
