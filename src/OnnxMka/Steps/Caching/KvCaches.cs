using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Cutting;
using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OnnxMka.Steps.Caching;

/// <summary>The caches of a model whose value heads can be narrower.</summary>
/// <param name="Places">Units that have them.</param>
/// <param name="Size">Columns of a value head, one for all.</param>
/// <param name="ValueBytes">Of the values of one token, in all layers.</param>
/// <param name="TokenBytes">Of keys and values.</param>
internal sealed record KvCaches(ImmutableArray<int> Places, int Size, long ValueBytes, long TokenBytes)
{
    /// <summary>Sizes that are offered: vectors of float32 take 8 columns at once.</summary>
    private int Step => Size >= 32 ? 8 : Size >= 4 ? 2 : 1;

    /// <summary>Refuses (MKA084) a model with a cache that cannot be narrower, with the layer and the reason.</summary>
    public static KvCaches Of(BlockMap map)
    {
        using var scratch = new ScratchFile();
        var model = new CompensatedModel(map, scratch);
        var found = new List<(int Place, ValueHeads Heads)>();
        foreach (var (place, block) in map.Blocks.Index().Where(b => b.Item.KvInputs.Length > 0))
        {
            var (heads, obstacle) = ValueHeads.Of(model, place);
            found.Add((place, heads ?? throw Refused($"layer {block.Name}", obstacle!)));
        }

        if (found.Count == 0) throw Refused("the model", "it has no caches");
        var sizes = found.Select(f => f.Heads.Size).Distinct().ToArray();
        if (sizes.Length > 1) throw Refused("the model", $"its layers have value heads of {string.Join(" and ", sizes)} columns");
        var ports = map.Blocks.SelectMany(b => b.KvInputs).ToArray();
        if (ports.FirstOrDefault(p => KvShape.Of(map.Model.Graph, p.Name) is null) is { } strange)
            throw Refused(strange.Name, "it does not say how many heads of which size it has, or is no float tensor");
        return new KvCaches(
            [.. found.Select(f => f.Place)],
            sizes[0],
            found.Sum(f => f.Heads.TokenBytes),
            ports.Sum(p => KvShape.Of(map.Model.Graph, p.Name)!.TokenBytes));
    }

    /// <summary>The largest size with which so much goes. Refuses (MKA084) more than the values have.</summary>
    public int SizeFor(double ratio)
    {
        var kept = Size * (1 - (ratio * TokenBytes / ValueBytes));
        var size = (int)Math.Floor((kept / Step) + 1e-9) * Step;
        return size >= Step
            ? size
            : throw Refused(
                $"{ratio:0.##%} of the caches",
                FormattableString.Invariant($"values alone are narrowed, and with heads of {Step} columns {1 - Share(Step):0.#%} goes"),
                "Ask for less");
    }

    /// <summary>Bytes of one token with value heads of that size.</summary>
    public long BytesWith(int size) => TokenBytes - ValueBytes + (ValueBytes / Size * size);

    internal static RefusedException Refused(string where, string why, string next = "Run without kv: its caches stay as they are") =>
        new("MKA084", where, why, next);

    private double Share(int size) => BytesWith(size) / (double)TokenBytes;
}
