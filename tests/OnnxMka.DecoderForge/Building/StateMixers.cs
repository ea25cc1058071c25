namespace OnnxMka.Forge;

/// <summary>Writes what stands in the place of attention, or beside it: convolutions and recurrences, with states of fixed size.</summary>
internal static class StateMixers
{
    public const int KernelWidth = 3;

    /// <summary>B * x through a short causal convolution over time, gated by C: B, C, x are thirds of one projection (LFM2).</summary>
    public static string Convolution(BlockContext c, string x)
    {
        var g = c.Graph;
        var h = c.Network.Hidden;
        var projected = c.Linear(x, "conv/in_proj", c[Role.ConvIn]);
        string gated;
        using (g.In("conv"))
        {
            var parts = g.Split(g.Transpose(projected, 0, 2, 1), 1, h, h, h);
            var kernel = g.Weight($"{c.Path("conv/conv")}.weight", c[Role.ConvKernel]);
            var mixed = Convolve(c, g.Op("Mul", [parts[0], parts[2]]), kernel, h);
            gated = g.Transpose(g.Op("Mul", [parts[1], mixed]), 0, 2, 1);
        }

        return c.Linear(gated, "conv/out_proj", c[Role.ConvOut]);
    }

    /// <summary>Linear attention: each token adds key times value to the state, and its query reads it.</summary>
    public static string Recurrence(BlockContext c, string x)
    {
        var g = c.Graph;
        var width = c.Network.QueryWidth;
        var projected = c.Linear(x, "linear_attn/in_proj", c[Role.RecurrenceIn]);
        string mixed;
        using (g.In("linear_attn"))
        {
            if (c.Has(Role.RecurrenceKernel))
            {
                var kernel = g.Weight($"{c.Path("linear_attn/conv1d")}.weight", c[Role.RecurrenceKernel]);
                projected = g.Transpose(Convolve(c, g.Transpose(projected, 0, 2, 1), kernel, 3 * width), 0, 2, 1);
            }

            var parts = g.Split(projected, 2, width, width, width);
            mixed = c.Form.FusedStates ? FusedRecurrence(c, parts) : Accumulate(c, parts);
        }

        return c.Linear(mixed, "linear_attn/out_proj", c[Role.RecurrenceOut]);
    }

    /// <summary>[batch, channels, sequence], each channel with its own kernel over this token and those before it.</summary>
    private static string Convolve(BlockContext c, string inputs, string kernel, int channels)
    {
        var g = c.Graph;
        var (past, present) = c.Decoder.Ports.Convolution(c.Index, channels, KernelWidth - 1);
        if (c.Form.FusedStates)
        {
            ReadOnlySpan<string?> outputs = present is null ? [null] : [null, present];
            string[] reads = [inputs, kernel, "", past ?? ""];
            return g.Call("CausalConvWithState", GraphWriter.Contrib, reads, outputs, [("activation", "none")])[0];
        }

        var padded = past is null
            ? g.Op("Pad", [inputs, g.Ints(0, 0, KernelWidth - 1, 0, 0, 0)])
            : g.Op("Concat", [past, inputs], ("axis", -1));
        if (present is not null)
            g.Call("Slice", "", [padded, g.Ints(-(KernelWidth - 1)), g.Ints(long.MaxValue), g.Ints(2)], [present], []);
        return g.Op("Conv", [padded, kernel], ("group", channels), ("kernel_shape", new long[] { KernelWidth }));
    }

    private static string FusedRecurrence(BlockContext c, string[] parts)
    {
        var n = c.Network;
        var (past, present) = c.Decoder.Ports.Recurrence(c.Index);
        ReadOnlySpan<string?> outputs = present is null ? [null] : [null, present];
        (string, object)[] attributes =
            [("q_num_heads", n.Heads), ("kv_num_heads", n.Heads), ("update_rule", "linear"), ("scale", 1 / MathF.Sqrt(n.HeadSize))];
        return c.Graph.Call("LinearAttention", GraphWriter.Contrib, [.. parts, past ?? ""], outputs, attributes)[0];
    }

    /// <summary>out = q state + tril(q k') v; state + k' v goes on.</summary>
    private static string Accumulate(BlockContext c, string[] parts)
    {
        var g = c.Graph;
        var n = c.Network;
        var heads = c.Decoder.Heads;
        var (past, present) = c.Decoder.Ports.Recurrence(c.Index);
        var query = g.Op("Mul", [Split(parts[0]), g.Float(1 / MathF.Sqrt(n.HeadSize))]);
        var (key, value) = (Split(parts[1]), Split(parts[2]));
        var turned = g.Transpose(key, 0, 1, 3, 2);
        var seen = g.Op("Trilu", [g.Op("MatMul", [query, turned])], ("upper", 0));
        var mixed = g.Op("MatMul", [seen, value]);
        if (past is not null) mixed = g.Op("Add", [g.Op("MatMul", [query, past]), mixed]);
        if (present is not null)
        {
            var added = g.Op("MatMul", [turned, value]);
            if (past is null) g.Rename(added, present);
            else g.Call("Add", "", [past, added], [present], []);
        }

        return heads.Merge(mixed, n.QueryWidth);

        string Split(string flat) => heads.Swap(heads.Split(flat, n.Heads, n.HeadSize));
    }
}
