using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>Values that all blocks read: sizes, positions, masks. Each is written once, outside the blocks, when first asked for.</summary>
internal sealed class SharedValues(GraphWriter g, DecoderSpec spec, Ports ports)
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    /// <summary>Full keys and values of the blocks written so far: what blocks without a cache of their own read.</summary>
    public Dictionary<int, (string Key, string Value)> Caches { get; } = [];

    private string Root => g.Form.Modules.Root.Split('.')[0];

    private string Ids => g.Form.InputsEmbeds ? "inputs_embeds" : "input_ids";

    /// <summary>The value of this key, written by <paramref name="write"/> on the first call in the module that is then open.</summary>
    public string Once(string key, Func<string> write)
    {
        if (!_values.TryGetValue(key, out var value)) _values[key] = value = write();
        return value;
    }

    /// <summary>As <see cref="Once"/>, under a module outside the blocks.</summary>
    public string OnceOutside(string key, string module, Func<string> write) => Once(key, () =>
    {
        using var _ = g.Outside(module);
        return write();
    });

    /// <summary>Batch size, as one-element vector.</summary>
    public string Batch => OnceOutside("batch", Root, () => g.Op("Shape", [Ids], ("start", 0), ("end", 1)));

    /// <summary>Number of new tokens, as one-element vector.</summary>
    public string Length => OnceOutside("length", Root, () => g.Op("Shape", [Ids], ("start", 1), ("end", 2)));

    /// <summary>[batch, sequence], from a port or counted from the mask.</summary>
    public string PositionIds => spec.Positions switch
    {
        PositionSource.Mask => OnceOutside("positions", Root, CountedPositions),
        PositionSource.Past => OnceOutside(
            "positions", Root, () => g.Unsqueeze(g.Op("Range", [CachedTokens, g.Op("Add", [CachedTokens, NewTokens]), g.Int(1)]), 0)),
        PositionSource.CachePosition => OnceOutside("positions", Root, () => g.Unsqueeze(ports.CachePosition(), 0)),
        _ => ports.PositionIds(),
    };

    /// <summary>
    /// 0 where a query may look and the lowest number elsewhere: [batch, 1, sequence, total], of what the block's cache keeps.
    /// </summary>
    public string AdditiveMask(BlockSpec block) => OnceOutside($"mask {block.Window} {block.CacheLength}", Root, () =>
    {
        var lowest = g.Type == ElementType.Float16 ? -65504f : float.MinValue;
        return g.Op("Where", [Visible(block), g.Float(0), g.Float(lowest)]);
    });

    /// <summary>Number of past and new tokens, less one, for each sequence: int32 [batch].</summary>
    public string SequenceLengths => OnceOutside("seqlens", "model/attn_mask_reformat/attn_mask_subgraph", () =>
    {
        var sum = g.Form.Opset >= 13
            ? g.Op("ReduceSum", [ports.Mask(), g.Ints(1)], ("keepdims", 0))
            : g.Op("ReduceSum", [ports.Mask()], ("axes", new long[] { 1 }), ("keepdims", 0));
        return g.Call("Cast", "", [g.Op("Sub", [sum, g.Ints(1)])], [null], [("to", (long)ElementType.Int32)], "Sub/Cast")[0];
    });

    /// <summary>Number of past and new tokens: int32 scalar.</summary>
    public string TotalLength => OnceOutside("total", "model/attn_mask_reformat/attn_mask_subgraph", () =>
        g.Call("Cast", "", [g.Dimension(ports.Mask(), 1)], [null], [("to", (long)ElementType.Int32)], "Gather/Cast")[0]);

    /// <summary>Number of past and new tokens: int64 scalar, from the mask.</summary>
    public string MaskLength => OnceOutside("mask length", Root, () => g.Dimension(ports.Mask(), 1));

    private string NewTokens => OnceOutside("new tokens", Root, () => g.Dimension(Ids, 1));

    /// <summary>Length of the first cache that keeps all tokens.</summary>
    private string CachedTokens =>
        !ports.ReadsPast ? g.Int(0) : OnceOutside("cached tokens", Root, () => TokensOf(FirstOf(b => b.KeepsAll), past: true));

    private string PastTokens => !ports.ReadsPast ? g.Int(0) : spec.Length switch
    {
        LengthSource.Past => CachedTokens,
        LengthSource.CachePosition => OnceOutside(
            "past tokens", Root, () => g.Op("Gather", [ports.CachePosition(), g.Int(0)], ("axis", 0))),
        _ => OnceOutside("past tokens", Root, () => g.Op("Sub", [AllTokens, NewTokens])),
    };

    private string AllTokens => !ports.ReadsPast ? NewTokens : spec.Length switch
    {
        LengthSource.Mask => MaskLength,
        LengthSource.Present => OnceOutside("all tokens", Root, () => TokensOf(FirstOf(b => b.KeepsAll), past: false)),
        _ => OnceOutside("all tokens", Root, () => g.Op("Add", [PastTokens, NewTokens])),
    };

    private string Visible(BlockSpec block)
    {
        var (padding, window) = (g.Cast(g.Unsqueeze(ports.Mask(), 1, 2), ElementType.Bool), block.Window);
        if (!spec.Network.Causal) return padding;
        var (past, total) = block.CacheLength > 0 ? KeptTokens(block.CacheLength) : (PastTokens, AllTokens);
        if (block.CacheLength > 0)
            padding = g.Op("Slice", [padding, g.Unsqueeze(g.Op("Neg", [total]), 0), g.Ints(int.MaxValue), g.Ints(3)]);
        var columns = g.Unsqueeze(g.Op("Range", [g.Int(0), total, g.Int(1)]), 0);
        var rows = g.Unsqueeze(g.Op("Range", [past, total, g.Int(1)]), 1);
        var seen = g.Op("LessOrEqual", [columns, rows]);
        if (window > 0) seen = g.Op("And", [seen, g.Op("Greater", [columns, g.Op("Sub", [rows, g.Int(window)])])]);
        return g.Op("And", [g.Unsqueeze(seen, 0, 1), padding]);
    }

    /// <summary>Tokens before the new ones, and with them, in the caches that keep so many.</summary>
    private (string Past, string Total) KeptTokens(int kept)
    {
        if (!ports.ReadsPast) return (g.Int(0), NewTokens);
        var past = OnceOutside($"kept {kept}", Root, () => TokensOf(FirstOf(b => b.CacheLength == kept), past: true));
        return (past, OnceOutside($"kept and new {kept}", Root, () => g.Op("Add", [past, NewTokens])));
    }

    private int FirstOf(Func<BlockSpec, bool> isAsked) =>
        spec.Blocks.Select((b, i) => (b, i)).First(p => p.b.HasAttention && isAsked(p.b)).i;

    /// <summary>Tokens in a block's cache, as it comes in or goes out.</summary>
    private string TokensOf(int block, bool past)
    {
        if (g.Form.Attention == AttentionForm.PerHead)
            return g.Dimension((past ? ports.HeadCache(block, 0).PastKey : ports.HeadCache(block, 0).PresentKey)!, 2);
        var cache = ports.Cache(block);
        return past
            ? g.Dimension(cache.PastKey ?? cache.Past!, cache.PastKey is null ? 3 : 2)
            : g.Dimension(cache.PresentKey ?? cache.Present!, cache.PresentKey is null ? 3 : 2);
    }

    private string CountedPositions()
    {
        var mask = ports.Mask();
        var counted = g.Op("Mul", [g.Op("CumSum", [mask, g.Int(1)]), mask]);
        var positions = g.Op("Sub", [counted, g.Int(1)]);
        if (!ports.ReadsPast) return positions;
        var past = g.Unsqueeze(PastTokens, 0);
        return g.Op("Slice", [positions, past, g.Ints(int.MaxValue), g.Ints(1)]);
    }
}
