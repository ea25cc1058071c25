using System.Collections.Immutable;
using OnnxMka.Graph;
using OnnxMka.Inputs;
using OnnxMka.Rewriting;

namespace OnnxMka.Emission;

/// <summary>The size of heads in caches, which configuration tells clients that make the first, empty caches.</summary>
internal static class CacheHeads
{
    private const string GenAiKey = "model.decoder.head_size";
    private const string HeadDim = "head_dim";
    private const string Heads = "num_attention_heads";

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

    /// <summary>
    /// The file says the one size that all caches now have. Warns where they have several: a client that goes by it cannot run the model.
    /// </summary>
    public static void Tell(LayerEdits edits, bool isGenAi, ImmutableArray<long> sizes)
    {
        if (sizes.IsEmpty) return;
        if (isGenAi)
        {
            Tell(edits, GenAiKey, sizes);
            return;
        }

        var paths = ConfigPlaces.DecoderObjects.Select(scope => ConfigPlaces.In(scope, HeadDim));
        var told = paths.FirstOrDefault(p => edits.Json.Find(p) is not null);
        if (told is not null || sizes.Length > 1) Tell(edits, told ?? HeadDim, sizes);
        else Add(edits, sizes[0]);
    }

    private static void Tell(LayerEdits edits, string path, ImmutableArray<long> sizes)
    {
        if (sizes is [var size] && edits.Json.Find(path) is { } span && edits.Json.Integer(span) is not null)
        {
            edits.Set(path, span, (int)size);
            return;
        }

        edits.Warn(
            path,
            $"is one size for keys and values, which now have {string.Join(" and ", sizes)}: "
                + "clients that make caches by it cannot run the model");
    }

    /// <summary>Without the key clients divide the width by the heads, which is no longer right.</summary>
    private static void Add(LayerEdits edits, long size)
    {
        foreach (var scope in ConfigPlaces.DecoderObjects)
        {
            if (edits.Json.Find(ConfigPlaces.In(scope, Heads)) is not { } heads) continue;
            edits.Json.InsertAfter(heads, $",{edits.Json.IndentOf(heads)}\"{HeadDim}\": {size}");
            edits.Tell(ConfigPlaces.In(scope, HeadDim), $"{size}");
            return;
        }

        edits.Warn(HeadDim, $"should say {size}, the size of heads, and stands under no key that is known; see to it by hand");
    }

    private static long? Last(ValueInfo port) => port.Dimensions is [.., var last] && long.TryParse(last, out var size) ? size : null;
}
