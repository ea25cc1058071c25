namespace OnnxMka.Forge;

/// <summary>Writes the growth of a block's cache outside attention operators: past and new keys in one.</summary>
internal static class KvCache
{
    /// <summary>Keys and values [batch, kv heads, total, size] of past and new tokens; those of another block where the block shares them.</summary>
    public static (string Key, string Value) Extend(BlockContext c, string? key, string? value)
    {
        if (key is null || value is null) return c.Decoder.Shared.Caches[c.Spec.SharesCacheOf];
        if (!c.Decoder.Ports.WritesPresent) return (key, value);
        var ports = c.Decoder.Ports.Cache(c.Index);
        var both = c.Form.KvPorts == KvPortForm.KeyValue ? Separate(c.Graph, ports, key, value) : Combined(c.Graph, ports, key, value);
        c.Decoder.Shared.Caches[c.Index] = both;
        return both;
    }

    private static (string, string) Separate(GraphWriter g, CachePorts ports, string key, string value) =>
        (Append(g, ports.PastKey, key, ports.PresentKey!), Append(g, ports.PastValue, value, ports.PresentValue!));

    private static string Append(GraphWriter g, string? past, string fresh, string present) => past is null
        ? g.Rename(fresh, present)
        : g.Call("Concat", "", [past, fresh], [present], [("axis", -2)])[0];

    private static (string, string) Combined(GraphWriter g, CachePorts ports, string key, string value)
    {
        if (ports.Past is { } past)
        {
            key = g.Op("Concat", [g.Op("Gather", [past, g.Int(0)], ("axis", 0)), key], ("axis", -2));
            value = g.Op("Concat", [g.Op("Gather", [past, g.Int(1)], ("axis", 0)), value], ("axis", -2));
        }

        g.Call("Concat", "", [g.Unsqueeze(key, 0), g.Unsqueeze(value, 0)], [ports.Present], [("axis", 0)]);
        return (key, value);
    }
}
