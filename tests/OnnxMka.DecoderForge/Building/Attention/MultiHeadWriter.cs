namespace OnnxMka.Forge;

/// <summary>
/// com.microsoft MultiHeadAttention with the mask as attention bias. With fewer key/value heads than heads the cache grows outside
/// and its heads are repeated first.
/// </summary>
internal sealed class MultiHeadWriter : AttentionWriter
{
    public override void Prepare(BlockContext c)
    {
        c.Decoder.Shared.AdditiveMask(c.Spec);
        Rotary.Prepare(c);
    }

    public override string Write(BlockContext c, string x)
    {
        var n = c.Network;
        var qkv = QkvProjections.FlatNormed(c, x);
        var query = Rotary.Flat(c, qkv.Query, n.Heads, QkvProjections.Module(c, "q_rotary"));
        var key = Rotary.Flat(c, qkv.Key!, n.KvHeads, QkvProjections.Module(c, "k_rotary"));
        var mask = c.Decoder.Shared.AdditiveMask(c.Spec);
        (string, object)[] attributes = [("num_heads", n.Heads), ("scale", Scale(c)), ("unidirectional", 0)];
        using var _ = c.Graph.In(c.Modules.Attention);
        if (n.KvHeads == n.Heads && c.Decoder.Ports.WritesPresent)
        {
            var ports = c.Decoder.Ports.Cache(c.Index);
            return KvCache.Behind(c, ports, outputs => c.Graph.Call(
                "MultiHeadAttention",
                GraphWriter.Contrib,
                [query, key, qkv.Value!, "", "", mask, ports.PastKey ?? "", ports.PastValue ?? ""],
                outputs,
                attributes));
        }

        var heads = c.Decoder.Heads;
        var (allKeys, allValues) = KvCache.Extend(
            c, heads.Swap(heads.Split(key, n.KvHeads, n.HeadSize)), heads.Swap(heads.Split(qkv.Value!, n.KvHeads, n.HeadSize)));
        return c.Graph.ContribOp("MultiHeadAttention", [query, Widened(c, allKeys), Widened(c, allValues), "", "", mask], attributes);
    }

    private static string Widened(BlockContext c, string x)
    {
        using var _ = c.Graph.In("repeat_kv");
        var n = c.Network;
        var repeated = c.Decoder.Heads.Repeat(x, n.KvHeads, n.Heads, n.HeadSize);
        return c.Graph.Op("Reshape", [c.Decoder.Heads.Swap(repeated), c.Graph.Ints(0, -1, n.QueryWidth)]);
    }
}
