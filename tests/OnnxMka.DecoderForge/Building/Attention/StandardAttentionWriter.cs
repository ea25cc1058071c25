namespace OnnxMka.Forge;

/// <summary>Attention of the ONNX domain (opset 23), 3-D, with the cache inside.</summary>
internal sealed class StandardAttentionWriter : AttentionWriter
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
        var ports = c.Decoder.Ports.WritesPresent ? c.Decoder.Ports.Cache(c.Index) : null;
        List<(string, object)> attributes = [("q_num_heads", n.Heads), ("kv_num_heads", n.KvHeads), ("scale", Scale(c))];
        if (n.AttentionSoftcap > 0) attributes.Add(("softcap", n.AttentionSoftcap));
        using var _ = c.Graph.In(c.Modules.Attention);
        return KvCache.Behind(c, ports, outputs => c.Graph.Call(
            "Attention", "", [query, key, qkv.Value!, c.Decoder.Shared.AdditiveMask(c.Spec), ports?.PastKey ?? "", ports?.PastValue ?? ""],
            outputs, [.. attributes]));
    }
}
