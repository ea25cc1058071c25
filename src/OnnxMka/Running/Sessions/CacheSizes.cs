using OnnxMka.Graph;

namespace OnnxMka.Running.Sessions;

/// <summary>Numbers of tokens that caches of fixed size hold, from the operators that take new tokens into them.</summary>
internal static class CacheSizes
{
    /// <param name="written">Caches that new tokens are written into, rather than put behind.</param>
    public static IEnumerable<int> Of(ValueInfo cache, GraphIndex index, bool written)
    {
        foreach (var (node, slot) in cache.Rank > 1 ? index.Readers(cache.Name) : [])
        {
            long? axis = (node.OpType, written) switch
            {
                ("TensorScatter", true) when slot == 0 => node.Int("axis", -2),
                ("ScatterND" or "ScatterElements", true) when slot == 0 => -2,
                ("Concat", false) => node.Int("axis", 0),
                _ => null,
            };
            if (axis is not { } given) continue;
            var place = given < 0 ? given + cache.Rank : given;
            if (place < 0 || place >= cache.Rank) continue;
            if (int.TryParse(cache.Dimensions![(int)place], out var size) && size > 0) yield return size;
        }
    }
}
