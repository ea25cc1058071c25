using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Rewriting;

namespace OnnxMka.Emission;

/// <summary>The size of heads in caches, which configuration tells clients that make the first, empty caches.</summary>
internal static class CacheHeads
{
    private const string GenAiKey = "model.decoder.head_size";
    private const string HuggingFaceKey = "head_dim";

    /// <summary>All sizes that the caches have, ascending; empty where every port is as wide as it was.</summary>
    public static ImmutableArray<long> Changed(OnnxModel original, RewrittenModel rewritten)
    {
        var before = original.Graph.Inputs.ToDictionary(p => p.Name, Last, StringComparer.Ordinal);
        var names = rewritten.Blocks.Blocks.SelectMany(b => b.KvInputs).Select(p => p.Name).ToHashSet(StringComparer.Ordinal);
        var ports = rewritten.Model.Graph.Inputs.Where(p => names.Contains(p.Name) && p.Rank == 4).ToArray();
        return ports.Any(p => before.TryGetValue(p.Name, out var old) && old != Last(p))
            ? [.. ports.Select(Last).OfType<long>().Distinct().Order()]
            : [];
    }

    /// <summary>Warns where the file has one size for caches that differ: a client that goes by it cannot run the model.</summary>
    public static void Tell(LayerEdits edits, bool isGenAi, ImmutableArray<long> sizes)
    {
        if (sizes.IsEmpty) return;
        var paths = isGenAi ? [GenAiKey] : ConfigPlaces.DecoderObjects.Select(scope => ConfigPlaces.In(scope, HuggingFaceKey));
        var path = paths.FirstOrDefault(p => edits.Json.Find(p) is not null) ?? (isGenAi ? GenAiKey : HuggingFaceKey);
        edits.Warn(
            path,
            $"is one size for keys and values, which now have {string.Join(" and ", sizes)}: clients that make caches by it cannot run the model");
    }

    private static long? Last(ValueInfo port) => port.Dimensions is [.., var last] && long.TryParse(last, out var size) ? size : null;
}
