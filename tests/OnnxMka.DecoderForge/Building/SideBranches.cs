using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>Parts that only some networks have: what makes a decoder one that a tool may have to refuse.</summary>
internal static class SideBranches
{
    /// <summary>What joins the stream after the MLP: a slice of the per-layer embedding, or an image feature.</summary>
    public static void Write(BlockContext c, ResidualStream stream)
    {
        if (c.Network.PerLayerWidth > 0) stream.Join(new Branch(PerLayer(c, stream.Read())));
        if (c.Index < c.Network.Deepstack)
        {
            object[] dims = ["batch_size", "sequence_length", c.Network.Hidden];
            stream.Join(new Branch(c.Decoder.Ports.Input($"deepstack_embeds.{c.Index}", c.Graph.Type, dims)));
        }
    }

    /// <summary>[batch, sequence, blocks, width]: the second embedding of every token, all blocks in one tensor.</summary>
    public static string PerLayerInputs(DecoderContext d)
    {
        var g = d.Graph;
        var table = g.Weight($"{d.Root}.embed_tokens_per_layer.weight", d.Weights.PerLayerTable!);
        using var _ = g.Outside($"{d.Root}/embed_tokens_per_layer");
        return g.Op(
            "Reshape", [g.Op("Gather", [table, d.Ports.InputIds()]), g.Ints(0, 0, d.Spec.Blocks.Length, d.Spec.Network.PerLayerWidth)]);
    }

    /// <summary>Attention over the encoder's states; their keys and values are computed anew in every step.</summary>
    public static Branch CrossAttention(BlockContext c, string x)
    {
        var g = c.Graph;
        var n = c.Network;
        var heads = c.Decoder.Heads;
        object[] dims = ["batch_size", "encoder_sequence_length", n.Hidden];
        var states = c.Decoder.Ports.Input("encoder_hidden_states", g.Type, dims);
        string mixed;
        using (g.In("encoder_attn"))
        {
            var query = Projected("q_proj", Role.CrossQuery, x);
            var key = Projected("k_proj", Role.CrossKey, states);
            var value = Projected("v_proj", Role.CrossValue, states);
            var scores = g.Op("Mul", [g.Op("MatMul", [query, g.Transpose(key, 0, 1, 3, 2)]), g.Float(1 / MathF.Sqrt(n.HeadSize))]);
            mixed = heads.Merge(g.Op("MatMul", [g.Op("Softmax", [scores], ("axis", -1)), value]), n.QueryWidth);
        }

        return new Branch(c.Linear(mixed, "encoder_attn/out_proj", c[Role.CrossOutput]));

        string Projected(string module, Role role, string from)
        {
            using var _ = g.In(module);
            var flat = c.Decoder.Linears.Apply(from, c.Path($"encoder_attn.{module}"), c[role], null, 0);
            return heads.Swap(heads.Split(flat, n.Heads, n.HeadSize));
        }
    }

    private static string PerLayer(BlockContext c, string stream)
    {
        var g = c.Graph;
        var own = g.Op("Gather", [c.Decoder.Shared.Once("per layer", () => PerLayerInputs(c.Decoder)), g.Int(c.Index)], ("axis", 2));
        var gate = c.Linear(stream, "per_layer_input_gate", c[Role.PerLayerGate]);
        var gated = g.Op("Mul", [Activations.Write(g, MlpKind.GeluTanh, gate, null), own]);
        return c.Linear(gated, "per_layer_projection", c[Role.PerLayerUp]);
    }
}
