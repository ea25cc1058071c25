using System.Text.RegularExpressions;
using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OnnxMka.Verification;

/// <summary>
/// Compares the ports of a written model with those that the plan leaves. Inputs that initializers fill (IR 3, optional adapters) are none.
/// </summary>
internal static partial class PortCheck
{
    /// <summary>
    /// Ports of the remaining blocks that are not there, ports that came from nowhere, and ports of no block that were lost.
    /// </summary>
    public static int Faults(BlockMap original, BlockMap map)
    {
        var (expected, found) = (Caches(map).ToHashSet(StringComparer.Ordinal), Ports(map.Model.Graph).ToHashSet(StringComparer.Ordinal));
        var others = Ports(original.Model.Graph).Except(Caches(original), StringComparer.Ordinal).ToHashSet(StringComparer.Ordinal);
        var missing = expected.Count(p => !found.Contains(p));
        var strange = found.Count(p => !expected.Contains(p) && !others.Contains(p));
        // Ports that come for each layer (hidden states, adapters) may have gone with theirs.
        var single = others.GroupBy(p => Digits().Replace(p, "#")).Where(g => g.Count() == 1).SelectMany(g => g);
        return missing + strange + single.Count(p => !found.Contains(p));
    }

    private static IEnumerable<string> Caches(BlockMap map) =>
        map.Blocks.SelectMany(b => b.KvInputs.Concat(b.KvOutputs)).Select(p => p.Name);

    private static IEnumerable<string> Ports(OnnxGraph graph) => graph.FedInputs.Concat(graph.Outputs).Select(p => p.Name);

    [GeneratedRegex("[0-9]+", RegexOptions.CultureInvariant, Timeout.Infinite)]
    private static partial Regex Digits();
}
