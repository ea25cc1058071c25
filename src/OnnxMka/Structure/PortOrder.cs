using System.Globalization;
using System.Text.RegularExpressions;

namespace OnnxMka.Structure;

/// <summary>Cache ports must come in pairs and in the order of their blocks, or renumbering them would mix caches up.</summary>
internal static partial class PortOrder
{
    /// <summary>Refuses unpaired ports, and numbers in their names that do not rise with the blocks.</summary>
    public static void Refuse(BlockMap map)
    {
        var blocks = map.Blocks;
        UnpairedPorts.Refuse(map);
        foreach (var ports in new[] { blocks.Select(b => b.KvInputs), blocks.Select(b => b.KvOutputs) })
        {
            var all = ports.SelectMany((p, block) => p.Select(port => (port.Slot, port.Name, block)));
            var bySlot = all.GroupBy(p => (p.Slot, Pattern(p.Name)));
            foreach (var slot in bySlot) RefuseFalling(slot.Select(p => (p.Name, p.block)).ToArray());
        }
    }

    /// <summary>A port's name without its numbers.</summary>
    public static string Pattern(string port) => Digits().Replace(port, "#");

    private static void RefuseFalling((string Name, int Block)[] ports)
    {
        var numbers = ports.Select(
            p => Digits().Matches(p.Name).Select(m => long.Parse(m.Value, CultureInfo.InvariantCulture)).ToArray()).ToArray();
        for (var position = 0; position < numbers[0].Length; position++)
        {
            for (var i = 1; i < ports.Length; i++)
            {
                if (numbers[i][position] < numbers[i - 1][position])
                {
                    throw new RefusedException(
                        "MKA016",
                        ports[i].Name,
                        $"this cache port belongs to block {ports[i].Block}, behind {ports[i - 1].Name} of block {ports[i - 1].Block}",
                        "The numbers of cache ports must follow the order of the layers; export the model again");
                }
            }
        }
    }

    [GeneratedRegex("[0-9]{1,9}", RegexOptions.CultureInvariant, Timeout.Infinite)]
    private static partial Regex Digits();
}
