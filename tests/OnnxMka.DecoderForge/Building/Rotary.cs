namespace OnnxMka.Forge;

/// <summary>Writes the rotation of queries or keys.</summary>
internal static class Rotary
{
    /// <summary>[batch, heads, sequence, size], decomposed or as an operator.</summary>
    public static string PerHead(BlockContext c, string x)
    {
        if (!c.Rotates) return x;
        return c.Form.Rotary == RotaryForm.Decomposed ? Decomposed(c, x) : Operator(c, x, 0);
    }

    /// <summary>[batch, sequence, heads * size], as an operator.</summary>
    public static string Flat(BlockContext c, string x, int heads, string module)
    {
        if (!c.Rotates) return x;
        using var _ = c.Graph.In(module);
        return Operator(c, x, heads);
    }

    /// <summary>Makes what all blocks share, before the first block is written.</summary>
    public static void Prepare(BlockContext c)
    {
        if (!c.Rotates) return;
        if (c.Form.Rotary != RotaryForm.Decomposed) c.Decoder.Rope.Caches(c.Spec.LocalRope);
        else if (c.Form.Dialect != DialectKind.TorchScript) c.Decoder.Rope.ForPositions(c.Spec.LocalRope);
    }

    private static string Operator(BlockContext c, string x, int heads)
    {
        var g = c.Graph;
        var n = c.Network;
        var (cos, sin) = c.Decoder.Rope.Caches(c.Spec.LocalRope);
        List<(string, object)> attributes = [];
        if (n.RotaryInterleaved || c.Form.Rotary == RotaryForm.Contrib) attributes.Add(("interleaved", n.RotaryInterleaved ? 1 : 0));
        var partial = n.RotaryDim > 0;
        if (heads > 0 || partial) attributes.Add(("num_heads", heads > 0 ? heads : n.Heads));
        if (partial) attributes.Add(("rotary_embedding_dim", n.RotaryDim));
        var positions = c.Decoder.Shared.PositionIds;
        return c.Form.Rotary == RotaryForm.Standard
            ? g.Op("RotaryEmbedding", [x, cos, sin, positions], [.. attributes])
            : g.ContribOp("RotaryEmbedding", [x, positions, cos, sin], [.. attributes]);
    }

    private static string Decomposed(BlockContext c, string x)
    {
        var g = c.Graph;
        var n = c.Network;
        var (cos, sin) = c.Decoder.Rope.ForPositions(c.Spec.LocalRope);
        var rotated = n.RotaryDim > 0 ? g.Slice(x, 0, n.RotaryDim, 3) : x;
        var turned = n.RotaryInterleaved ? SwapNeighbours(g, rotated, n) : SwapHalves(g, rotated, n.RotatedDim / 2);
        var sum = g.Op("Add", [g.Op("Mul", [rotated, cos]), g.Op("Mul", [turned, sin])]);
        return n.RotaryDim > 0 ? g.Op("Concat", [sum, g.Slice(x, n.RotaryDim, long.MaxValue, 3)], ("axis", -1)) : sum;
    }

    private static string SwapHalves(GraphWriter g, string x, int half) =>
        g.Op("Concat", [g.Op("Neg", [g.Slice(x, half, long.MaxValue, 3)]), g.Slice(x, 0, half, 3)], ("axis", -1));

    private static string SwapNeighbours(GraphWriter g, string x, Network n)
    {
        var odd = g.Unsqueeze(g.Op("Neg", [g.Slice(x, 1, long.MaxValue, 3, 2)]), 4);
        var even = g.Unsqueeze(g.Slice(x, 0, long.MaxValue, 3, 2), 4);
        return g.Op("Reshape", [g.Op("Concat", [odd, even], ("axis", -1)), g.Ints(0, 0, 0, n.RotatedDim)]);
    }
}
