namespace OnnxMka.Forge;

/// <summary>Writes the growth of a block's cache outside attention operators: past and new keys in one.</summary>
internal static class KvCache
{
    /// <summary>
    /// Keys and values [batch, kv heads, total, size] of past and new tokens; those of another block where the block shares them.
    /// </summary>
    public static (string Key, string Value) Extend(BlockContext c, string? key, string? value)
    {
        if (key is null || value is null) return c.Decoder.Shared.Caches[c.Spec.SharesCacheOf];
        if (!c.Decoder.Ports.WritesPresent) return (key, value);
        var ports = c.Decoder.Ports.Cache(c.Index);
        var both = c.Form.KvPorts == KvPortForm.KeyValue ? Separate(c, ports, key, value) : Combined(c, ports, key, value);
        c.Decoder.Shared.Caches[c.Index] = both;
        return both;
    }

    private static (string, string) Separate(BlockContext c, CachePorts ports, string key, string value) =>
        (Append(c, ports.PastKey, key, ports.PresentKey!), Append(c, ports.PastValue, value, ports.PresentValue!));

    /// <summary>Past and new tokens; what goes on to the next step is called as the port.</summary>
    public static string Append(BlockContext c, string? past, string fresh, string present)
    {
        var g = c.Graph;
        if (Cuts(c))
        {
            var whole = past is null ? fresh : g.Op("Concat", [past, fresh], ("axis", -2));
            Cut(c, whole, present, 2);
            return whole;
        }

        return past is null ? g.Rename(fresh, present) : g.Call("Concat", "", [past, fresh], [present], [("axis", -2)])[0];
    }

    /// <summary>An operator that appends to the cache itself; what it gives back is cut behind it.</summary>
    public static string Behind(BlockContext c, CachePorts? ports, Func<string?[], string[]> write)
    {
        if (ports is null) return write([null])[0];
        if (!Cuts(c)) return write([null, ports.PresentKey, ports.PresentValue])[0];
        var written = write([null, null, null]);
        Cut(c, written[1], ports.PresentKey!, 2);
        Cut(c, written[2], ports.PresentValue!, 2);
        return written[0];
    }

    /// <summary>The graph itself keeps but the block's last tokens.</summary>
    public static bool Cuts(BlockContext c) => c.Spec.CacheLength > 0 && c.Form.Cut == CacheCut.Graph;

    public static void Cut(BlockContext c, string whole, string present, long axis) =>
        c.Graph.Call(
            "Slice", "", [whole, c.Graph.Ints(-c.Spec.CacheLength), c.Graph.Ints(int.MaxValue), c.Graph.Ints(axis)], [present], []);

    private static (string, string) Combined(BlockContext c, CachePorts ports, string key, string value)
    {
        var g = c.Graph;
        if (ports.Past is { } past)
        {
            key = g.Op("Concat", [g.Op("Gather", [past, g.Int(0)], ("axis", 0)), key], ("axis", -2));
            value = g.Op("Concat", [g.Op("Gather", [past, g.Int(1)], ("axis", 0)), value], ("axis", -2));
        }

        if (Cuts(c)) Cut(c, g.Op("Concat", [g.Unsqueeze(key, 0), g.Unsqueeze(value, 0)], ("axis", 0)), ports.Present!, 3);
        else g.Call("Concat", "", [g.Unsqueeze(key, 0), g.Unsqueeze(value, 0)], [ports.Present], [("axis", 0)]);
        return (key, value);
    }
}
