using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Cutting;
using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OnnxMka.Steps.Caching;

/// <summary>The caches of a model whose heads can be narrower.</summary>
/// <param name="Places">Units that have them.</param>
/// <param name="IsFused">Keys and values of one size, else values alone.</param>
/// <param name="Size">Columns of a head, one for all layers.</param>
/// <param name="CutBytes">Of one token in all layers: what gets narrower.</param>
/// <param name="TokenBytes">Of keys and values.</param>
internal sealed record KvCaches(ImmutableArray<int> Places, bool IsFused, int Size, long CutBytes, long TokenBytes)
{
    /// <summary>Sizes that are offered: vectors of float32 take 8 columns at once, and fused operators want 16.</summary>
    private int Step => IsFused ? Math.Min(16, Size / 2) : Size >= 32 ? 8 : Size >= 4 ? 2 : 1;

    /// <summary>Refuses (MKA084) a model with a cache that cannot be narrower, with the layer and the reason.</summary>
    public static KvCaches Of(BlockMap map)
    {
        using var scratch = new ScratchFile();
        var model = new CompensatedModel(map, scratch);
        var places = map.Blocks.Index().Where(b => b.Item.KvInputs.Length > 0).Select(b => b.Index).ToImmutableArray();
        if (places.IsEmpty) throw Refused("the model", "it has no caches");
        var isFused = places.All(p => FusedHeads.IsOf(model, p));
        var found = places.Select(p => Heads(model, p, isFused)).ToArray();
        var sizes = found.Select(f => f.Size).Distinct().ToArray();
        if (sizes.Length > 1) throw Refused("the model", $"its layers have heads of {string.Join(" and ", sizes)} columns");
        var ports = map.Blocks.SelectMany(b => b.KvInputs).ToArray();
        if (ports.FirstOrDefault(p => KvShape.Of(map.Model.Graph, p.Name) is null) is { } strange)
            throw Refused(strange.Name, "it does not say how many heads of which size it has, or is no float tensor");
        var bytes = ports.Sum(p => KvShape.Of(map.Model.Graph, p.Name)!.TokenBytes);
        return new KvCaches(places, isFused, sizes[0], isFused ? bytes : found.Sum(f => f.TokenBytes), bytes);
    }

    /// <summary>The largest size with which so much goes. Refuses (MKA084) more than that can be.</summary>
    public int SizeFor(double ratio)
    {
        var kept = Size * (1 - (ratio * TokenBytes / CutBytes));
        var size = ratio > 0 ? (int)Math.Floor((kept / Step) + 1e-9) * Step : Size;
        return size >= Step
            ? size
            : throw Refused(
                $"{ratio:0.##%} of the caches",
                (IsFused ? "" : "values alone are narrowed, and ")
                    + FormattableString.Invariant($"with heads of {Step} columns {Gone(Step):0.#%} goes"),
                "Ask for less");
    }

    /// <summary>The size that a decided step says. Refuses (MKA084) one that these caches cannot have.</summary>
    public int Checked(Kv step)
    {
        if (step.Head is not null && !IsFused)
            throw Refused("head", "attention is not GroupQueryAttention in all layers, and only values are narrowed there", "Give value");
        if (step.Value is not null && IsFused)
            throw Refused("value", "GroupQueryAttention takes keys and values of one head size", "Give head in place of value");
        var size = step.Head ?? step.Value!.Value;
        return size <= Size ? size : throw Refused($"heads of {size}", $"those of the model have {Size} columns", "Ask for less");
    }

    /// <summary>Bytes of one token with heads of that size.</summary>
    public long BytesWith(int size) => TokenBytes - CutBytes + (CutBytes / Size * size);

    internal static RefusedException Refused(string where, string why, string next = "Run without kv: its caches stay as they are") =>
        new("MKA084", where, why, next);

    private double Gone(int size) => 1 - (BytesWith(size) / (double)TokenBytes);

    private static ValueHeads Heads(CompensatedModel model, int place, bool isFused)
    {
        var (heads, obstacle) = isFused ? Fused(model, place) : ValueHeads.Of(model, place);
        return heads ?? throw Refused($"layer {model.Map.Blocks[place].Name}", obstacle!);
    }

    private static (ValueHeads?, string?) Fused(CompensatedModel model, int place) =>
        FusedHeads.Of(model, place) is var (heads, obstacle) ? (heads?.Values, obstacle) : default;
}
