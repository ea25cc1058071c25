using System.Collections.Immutable;
using OnnxMka.Planning;

namespace OnnxMka.Structure;

/// <summary>
/// Layers as the source model counts them, where that is told by the cache ports and is another count than that of the blocks: a layer with
/// a state, and those without one behind it, are one block.
/// <code>
/// ports     past_key_values.0.conv_state   past_key_values.2.conv_state   past_key_values.4.key
/// blocks    0 (layers 0, 1)                1 (layers 2, 3)                2 (layers 4, 5)
/// </code>
/// </summary>
/// <param name="First">First source layer of each block's layer.</param>
/// <param name="Kept">Blocks' layers that stay.</param>
internal sealed record SourceLayers(ImmutableArray<int> First, ImmutableArray<int> Kept)
{
    /// <summary>No model is near that deep; a port of a greater number counts something else.</summary>
    private const int MostLayers = 100_000;

    /// <summary>Null where each layer is one of the source, or ports do not tell.</summary>
    /// <param name="kept">Layers that stay.</param>
    public static SourceLayers? Of(BlockMap map, IEnumerable<int> kept)
    {
        var inputs = PortNumbers.Of(map.Blocks, b => b.KvInputs).SourceLayers;
        var numbers = inputs.IsEmpty ? PortNumbers.Of(map.Blocks, b => b.KvOutputs).SourceLayers : inputs;
        if (numbers.Count != map.LayerCount || numbers.All(n => n.Key == n.Value)) return null;
        return new SourceLayers([.. numbers.Values.Select(n => (int)n)], [.. kept]);
    }

    /// <summary>
    /// Source layers that stay of so many; null where that cannot be the source's count: behind the last layer's first must come as many as
    /// some other layer has.
    /// </summary>
    public int[]? KeptOf(long total)
    {
        var last = total - First[^1];
        if (total > MostLayers || (last != 1 && !First.Zip(First.Skip(1)).Any(f => f.Second - f.First == last))) return null;
        int[] ends = [.. First.Skip(1), (int)total];
        var kept = Kept.SelectMany(layer => Enumerable.Range(First[layer], ends[layer] - First[layer]));
        return [.. Enumerable.Range(0, First[0]), .. kept];
    }
}
