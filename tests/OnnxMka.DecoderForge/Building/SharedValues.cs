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
    public string PositionIds => g.Form.PositionsFromMask
        ? OnceOutside("positions", Root, CountedPositions)
        : ports.PositionIds();

    /// <summary>0 where a query may look and the lowest number elsewhere: [batch, 1, sequence, total].</summary>
    public string AdditiveMask(int window) => OnceOutside($"mask {window}", Root, () =>
    {
        var lowest = g.Type == ElementType.Float16 ? -65504f : float.MinValue;
        return g.Op("Where", [Visible(window), g.Float(0), g.Float(lowest)]);
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

    private string Visible(int window)
    {
        var padding = g.Cast(g.Unsqueeze(ports.Mask(), 1, 2), ElementType.Bool);
        if (!spec.Network.Causal) return padding;
        var (past, total) = Lengths();
        var columns = g.Unsqueeze(g.Op("Range", [g.Int(0), total, g.Int(1)]), 0);
        var rows = g.Unsqueeze(g.Op("Range", [past, total, g.Int(1)]), 1);
        var seen = g.Op("LessOrEqual", [columns, rows]);
        if (window > 0) seen = g.Op("And", [seen, g.Op("Greater", [columns, g.Op("Sub", [rows, g.Int(window)])])]);
        return g.Op("And", [g.Unsqueeze(seen, 0, 1), padding]);
    }

    private (string Past, string Total) Lengths()
    {
        var length = OnceOutside("new tokens", Root, () => g.Dimension(Ids, 1));
        if (!ports.ReadsPast) return (g.Int(0), length);
        if (!g.Form.LengthFromCache)
            return (OnceOutside("past tokens", Root, () => g.Op("Sub", [MaskLength, length])), MaskLength);
        var past = OnceOutside("past tokens", Root, () =>
        {
            var first = spec.Blocks.Select((b, i) => (b, i)).First(p => !p.b.Convolution && p.b.SharesCacheOf < 0).i;
            var cache = ports.Cache(first);
            return g.Dimension(cache.PastKey ?? cache.Past!, cache.PastKey is null ? 3 : 2);
        });
        return (past, OnceOutside("all tokens", Root, () => g.Op("Add", [past, length])));
    }

    private string CountedPositions()
    {
        var mask = ports.Mask();
        var counted = g.Op("Mul", [g.Op("CumSum", [mask, g.Int(1)]), mask]);
        var positions = g.Op("Sub", [counted, g.Int(1)]);
        if (!ports.ReadsPast) return positions;
        var past = g.Unsqueeze(Lengths().Past, 0);
        return g.Op("Slice", [positions, past, g.Ints(int.MaxValue), g.Ints(1)]);
    }
}
