namespace OnnxMka.Forge;

/// <summary>Each key/value head has an attention and a cache of its own; query heads that share it go along (mobile exporters).</summary>
internal sealed class PerHeadWriter : AttentionWriter
{
    public override void Prepare(BlockContext c)
    {
        c.Decoder.Shared.AdditiveMask(c.Spec);
        Rotary.Prepare(c);
    }

    public override string Write(BlockContext c, string x)
    {
        var g = c.Graph;
        var n = c.Network;
        var heads = c.Decoder.Heads;
        var qkv = QkvProjections.PerHead(c, x);
        var mask = c.Decoder.Shared.AdditiveMask(c.Spec);
        using var _ = g.In(c.Modules.Attention);
        var (query, key) = (Rotary.PerHead(c, heads.Swap(qkv.Query)), Rotary.PerHead(c, heads.Swap(qkv.Key!)));
        var value = heads.Swap(qkv.Value!);
        var group = n.Heads / n.KvHeads;
        var mixed = new List<string>();
        for (var head = 0; head < n.KvHeads; head++)
        {
            var ports = c.Decoder.Ports.HeadCache(c.Index, head);
            var keys = KvCache.Append(c, ports.PastKey, g.Slice(key, head, head + 1, 1), ports.PresentKey!);
            var values = KvCache.Append(c, ports.PastValue, g.Slice(value, head, head + 1, 1), ports.PresentValue!);
            var scores = DecomposedAttentionWriter.Scores(c, g.Slice(query, head * group, (head + 1) * group, 1), keys);
            mixed.Add(g.Op("MatMul", [DecomposedAttentionWriter.Softmax(g, g.Op("Add", [scores, mask])), values]));
        }

        return heads.Merge(g.Op("Concat", [.. mixed], ("axis", 1)), n.QueryWidth);
    }
}
