namespace OnnxMka.Forge;

/// <summary>com.microsoft GroupQueryAttention: three inputs or one packed, rotation before or inside.</summary>
internal sealed class GroupQueryWriter : AttentionWriter
{
    public override void Prepare(BlockContext c)
    {
        _ = (c.Decoder.Shared.SequenceLengths, c.Decoder.Shared.TotalLength);
        Rotary.Prepare(c);
    }

    public override string Write(BlockContext c, string x)
    {
        var n = c.Network;
        var inside = c.Form.Rotary == RotaryForm.InAttention;
        Qkv qkv;
        if (c.Form.Qkv == QkvLayout.Packed && n.QkNorm == QkNorm.None && (inside || !c.Rotates))
        {
            qkv = new Qkv(QkvProjections.Packed(c, x), "", "");
        }
        else
        {
            qkv = QkvProjections.FlatNormed(c, x);
            if (!inside)
            {
                qkv = qkv with
                {
                    Query = Rotary.Flat(c, qkv.Query, n.Heads, QkvProjections.Module(c, "q_rotary")),
                    Key = Rotary.Flat(c, qkv.Key!, n.KvHeads, QkvProjections.Module(c, "k_rotary")),
                };
            }
        }

        var rotate = inside && c.Rotates;
        var (cos, sin) = rotate ? c.Decoder.Rope.Caches(c.Spec.LocalRope) : ("", "");
        var ports = c.Decoder.Ports.Cache(c.Index);
        List<(string, object)> attributes =
        [
            ("num_heads", n.Heads),
            ("kv_num_heads", n.KvHeads),
            ("scale", Scale(c)),
            ("local_window_size", c.Spec.Window > 0 ? c.Spec.Window : -1),
            ("softcap", n.AttentionSoftcap), ("do_rotary", rotate ? 1 : 0), ("rotary_interleaved", n.RotaryInterleaved ? 1 : 0),
        ];
        using var _ = c.Graph.In(c.Modules.Attention);
        return c.Graph.Call(
            "GroupQueryAttention", GraphWriter.Contrib,
            [
                qkv.Query, qkv.Key!, qkv.Value!, ports.PastKey ?? "", ports.PastValue ?? "",
                c.Decoder.Shared.SequenceLengths, c.Decoder.Shared.TotalLength, cos, sin,
            ],
            [null, ports.PresentKey, ports.PresentValue], [.. attributes])[0];
    }
}
