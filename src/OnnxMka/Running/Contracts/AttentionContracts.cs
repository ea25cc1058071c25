namespace OnnxMka.Running.Contracts;

/// <summary>Heads and what is cut into them.</summary>
internal static class AttentionContracts
{
    public static Dictionary<string, Action<ContractNode>> All { get; } = new(StringComparer.Ordinal)
    {
        ["com.microsoft.GroupQueryAttention"] = Grouped,
        ["com.microsoft.MultiHeadAttention"] = MultiHead,
        ["com.microsoft.DecoderMaskedMultiHeadAttention"] = n => n.Int("num_heads", null, least: 1),
        ["com.microsoft.Attention"] = n => Packed(n, past: 4),
        ["com.microsoft.QAttention"] = n => Packed(n, past: 8),
        ["com.microsoft.SparseAttention"] = Sparse,
        ["com.microsoft.LinearAttention"] = Linear,
        ["com.microsoft.RotaryEmbedding"] = n => Rotary(n, cosines: 2, sines: 3),
        ["Attention"] = Standard,
        ["RotaryEmbedding"] = n => Rotary(n, cosines: 1, sines: 2),
    };

    private static void Grouped(ContractNode n)
    {
        var (heads, kvHeads) = GroupsOf(n, "num_heads");
        n.Int("local_window_size", -1, least: -1);
        n.Rank(7, "cos_cache", 2);
        n.Rank(8, "sin_cache", 2);
        if (n.Has(1))
        {
            n.Divides("the width of the query", n.Hidden(0), "num_heads", heads);
            n.Divides("the width of the key", n.Hidden(1), "kv_num_heads", kvHeads);
            n.Divides("the width of the value", n.Hidden(2), "kv_num_heads", kvHeads);
        }
        else
        {
            n.Divides("the width of the packed query, key and value", n.Hidden(0), "the number of all heads", heads + (2 * kvHeads));
        }
    }

    private static void Sparse(ContractNode n)
    {
        GroupsOf(n, "num_heads");
        n.Int("sparse_block_size", null, least: 1);
    }

    private static void MultiHead(ContractNode n)
    {
        var heads = n.Int("num_heads", null, least: 1);
        n.Rank(3, "the bias", 1);
        if (n.Has(1)) n.Divides("the width of the query", n.Hidden(0), "num_heads", heads);
    }

    private static void Packed(ContractNode n, int past)
    {
        var heads = n.Int("num_heads", null, least: 1);
        n.Int("rotary_embedding_dim", 0, least: 0);
        n.Demand(n.Has(2) || !n.OnCpu, "it has no bias, and its kernel for the CPU reads one");
        n.Rank(1, "the weight", 2);
        var sizes = n.Ints("qkv_hidden_sizes", least: 1);
        n.Demand(sizes.Count is 0 or 3, $"qkv_hidden_sizes has {sizes.Count} numbers and takes 3");
        foreach (var size in sizes) n.Divides("a number of qkv_hidden_sizes", size, "num_heads", heads);
        var width = n.Width(1);
        if (sizes.Count == 3)
            n.Demand(width is null || width == sizes.Sum(), $"the weight has {width} columns and qkv_hidden_sizes asks for {sizes.Sum()}");
        else n.Divides("the width of the weight", width, "three times num_heads", 3 * heads);
        n.Fits(2, "the bias", width);
        if (sizes.Count == 0 && heads is { } h) n.Fits(past, "the past", 2, null, h, null, width / 3 / h);
    }

    private static void Linear(ContractNode n)
    {
        n.Divides("the width of the query", n.Hidden(0), "q_num_heads", n.Int("q_num_heads", null, least: 1));
        n.Divides("the width of the key", n.Hidden(1), "kv_num_heads", n.Int("kv_num_heads", null, least: 1));
    }

    private static void Standard(ContractNode n)
    {
        n.Int("qk_matmul_output_mode", 0, least: 0, most: 3);
        // With four dimensions the heads are one of them, and are no attributes.
        if (!n.HasAttribute("q_num_heads") && !n.HasAttribute("kv_num_heads")) return;
        var (heads, kvHeads) = GroupsOf(n, "q_num_heads");
        n.Divides("the width of the query", n.Hidden(0), "q_num_heads", heads);
        n.Divides("the width of the key", n.Hidden(1), "kv_num_heads", kvHeads);
        n.Divides("the width of the value", n.Hidden(2), "kv_num_heads", kvHeads);
    }

    private static void Rotary(ContractNode n, int cosines, int sines)
    {
        var heads = n.Int("num_heads", 0, least: 0);
        var rotated = n.Int("rotary_embedding_dim", 0, least: 0);
        n.Divides("rotary_embedding_dim", rotated, "two halves of", 2);
        n.Rank(cosines, "cos_cache", 2, 3);
        n.Rank(sines, "sin_cache", 2, 3);
        if (n.Shape(cosines) is { } shape) n.Fits(sines, "sin_cache", [.. shape]);
        if (rotated > 0)
        {
            n.Demand(
                n.Width(cosines) is null || n.Width(cosines) == rotated / 2,
                $"cos_cache has {n.Width(cosines)} columns, and rotary_embedding_dim {rotated} asks for {rotated / 2}");
        }

        if (heads > 0) n.Divides("the width of the input", n.Hidden(0), "num_heads", heads);
    }

    private static (long? Heads, long? KvHeads) GroupsOf(ContractNode n, string name)
    {
        var heads = n.Int(name, null, least: 1);
        var kvHeads = n.Int("kv_num_heads", null, least: 1);
        n.Divides(name, heads, "kv_num_heads", kvHeads);
        return (heads, kvHeads);
    }
}
