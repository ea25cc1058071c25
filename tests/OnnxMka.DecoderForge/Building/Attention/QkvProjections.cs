namespace OnnxMka.Forge;

/// <summary>Queries, keys and values. Key and value are null where the block reads another block's cache.</summary>
internal sealed record Qkv(string Query, string? Key, string? Value);

/// <summary>Writes the input projections of attention: three, or one for all.</summary>
internal static class QkvProjections
{
    /// <summary>[batch, sequence, width] each.</summary>
    public static Qkv Flat(BlockContext c, string x)
    {
        var n = c.Network;
        if (c.Form.Qkv == QkvLayout.Packed && c.Spec.SharesCacheOf < 0)
        {
            var parts = c.Graph.Split(Packed(c, x), 2, n.QueryWidth, n.KvWidth, n.KvWidth);
            return FullWidthNorms(c, new Qkv(parts[0], parts[1], parts[2]));
        }

        var owns = c.Spec.SharesCacheOf < 0;
        var query = c.Linear(x, Module(c, c.Modules.Query), Role.Query, Role.QueryBias);
        if (c.Form.OptionalLora) query = WithLora(c, x, query);
        var key = owns ? c.Linear(x, Module(c, c.Modules.Key), Role.Key, Role.KeyBias) : null;
        var value = owns ? c.Linear(x, Module(c, c.Modules.Value), Role.Value, Role.ValueBias) : null;
        return FullWidthNorms(c, new Qkv(query, key, value));
    }

    /// <summary>[batch, sequence, heads, size] each.</summary>
    public static Qkv PerHead(BlockContext c, string x)
    {
        var n = c.Network;
        if (c.Form.Qkv == QkvLayout.PackedPerHead && c.Spec.SharesCacheOf < 0)
        {
            var together = c.Linear(x, Module(c, c.Modules.Packed), HeadByHead(n, c, bias: false)!, HeadByHead(n, c, bias: true));
            var parts = c.Graph.Split(c.Decoder.Heads.Split(together, n.Heads, 3 * n.HeadSize), 3, n.HeadSize, n.HeadSize, n.HeadSize);
            return HeadNorms(c, new Qkv(parts[0], parts[1], parts[2]));
        }

        var flat = Flat(c, x);
        return HeadNorms(c, new Qkv(
            c.Decoder.Heads.Split(flat.Query, n.Heads, n.HeadSize),
            flat.Key is null ? null : c.Decoder.Heads.Split(flat.Key, n.KvHeads, n.HeadSize),
            flat.Value is null ? null : c.Decoder.Heads.Split(flat.Value, n.KvHeads, n.HeadSize)));
    }

    /// <summary>[batch, sequence, width], q/k norms per head applied.</summary>
    public static Qkv FlatNormed(BlockContext c, string x)
    {
        var flat = Flat(c, x);
        if (c.Network.QkNorm != QkNorm.PerHead) return flat;
        var query = Normed(flat.Query, Role.QueryNorm, "q_norm", c.Network.QueryWidth);
        return flat with { Query = query, Key = flat.Key is null ? null : Normed(flat.Key, Role.KeyNorm, "k_norm", c.Network.KvWidth) };

        string Normed(string value, Role gamma, string module, int width)
        {
            using var _ = c.Graph.In(Module(c, module));
            var heads = c.Graph.Op("Reshape", [value, c.Graph.Ints(0, -1, c.Network.HeadSize)]);
            var normed = c.Decoder.Norms.Apply(heads, Weights(c, module, gamma), c.Graph.Type).Normed;
            return c.Graph.Op("Reshape", [normed, c.Graph.Ints(0, -1, width)]);
        }
    }

    /// <summary>One projection: query, key and value columns in turn.</summary>
    public static string Packed(BlockContext c, string x) => c.Linear(x, Module(c, c.Modules.Packed), PackedWeight(c), PackedBias(c));

    public static WeightTensor PackedWeight(BlockContext c) => WeightTensor.Beside(c[Role.Query], c[Role.Key], c[Role.Value]);

    public static WeightTensor? PackedBias(BlockContext c) =>
        c.Has(Role.QueryBias) ? WeightTensor.Beside(c[Role.QueryBias], c[Role.KeyBias], c[Role.ValueBias]) : null;

    public static string Module(BlockContext c, string projection) => $"{c.Modules.Attention}/{projection}";

    /// <summary>Adds x A B, where A and B are inputs of rank 0 unless the caller gives others.</summary>
    private static string WithLora(BlockContext c, string x, string query)
    {
        var g = c.Graph;
        var path = c.Path(Module(c, c.Modules.Query));
        var narrow = g.Initializer($"{path}.lora_A.weight", Tensors.Floats(g.Type, [], c.Network.Hidden, 0));
        var wide = g.Initializer($"{path}.lora_B.weight", Tensors.Floats(g.Type, [], 0, c.Network.QueryWidth));
        c.Decoder.Ports.Input(narrow, g.Type, c.Network.Hidden, "lora_r");
        c.Decoder.Ports.Input(wide, g.Type, "lora_r", c.Network.QueryWidth);
        return g.Op("Add", [query, g.Op("MatMul", [g.Op("MatMul", [x, narrow]), wide])]);
    }

    /// <summary>Columns of head 0's query, key and value, then head 1's, and so on (GPT-NeoX).</summary>
    private static WeightTensor? HeadByHead(Network n, BlockContext c, bool bias)
    {
        Role[] roles = bias ? [Role.QueryBias, Role.KeyBias, Role.ValueBias] : [Role.Query, Role.Key, Role.Value];
        if (!c.Has(roles[0])) return null;
        var rows = bias ? 1 : n.Hidden;
        var values = new float[rows * 3 * n.QueryWidth];
        for (var row = 0; row < rows; row++)
        {
            for (var head = 0; head < n.Heads; head++)
            {
                for (var part = 0; part < 3; part++)
                {
                    var from = c[roles[part]].Span.Slice(row * n.QueryWidth + head * n.HeadSize, n.HeadSize);
                    from.CopyTo(values.AsSpan(row * 3 * n.QueryWidth + (head * 3 + part) * n.HeadSize));
                }
            }
        }

        return bias ? WeightTensor.Of(values, 3 * n.QueryWidth) : WeightTensor.Of(values, n.Hidden, 3 * n.QueryWidth);
    }

    private static Qkv FullWidthNorms(BlockContext c, Qkv qkv) => c.Network.QkNorm != QkNorm.FullWidth ? qkv : Normed(c, qkv);

    private static Qkv HeadNorms(BlockContext c, Qkv qkv) => c.Network.QkNorm != QkNorm.PerHead ? qkv : Normed(c, qkv);

    private static Qkv Normed(BlockContext c, Qkv qkv)
    {
        return qkv with
        {
            Query = Norm(qkv.Query, "q_norm", Role.QueryNorm),
            Key = qkv.Key is null ? null : Norm(qkv.Key, "k_norm", Role.KeyNorm),
        };

        string Norm(string value, string module, Role gamma)
        {
            using var _ = c.Graph.In(Module(c, module));
            return c.Decoder.Norms.Apply(value, Weights(c, module, gamma), c.Graph.Type).Normed;
        }
    }

    /// <summary>q/k norms are RMS norms: there is no shift.</summary>
    private static NormWeights Weights(BlockContext c, string module, Role gamma)
    {
        var path = Module(c, c.Form.Dialect == DialectKind.GenAi ? $"{module}/layernorm" : module);
        return c.NormWeights(path, gamma, null, c.Graph.Type);
    }
}
