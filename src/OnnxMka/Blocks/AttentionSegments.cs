using OnnxMka.Graph;

namespace OnnxMka.Blocks;

/// <summary>Finds the segments that hold a block's attention (or other state): each one starts a block.</summary>
internal static class AttentionSegments
{
    private static readonly HashSet<string> FusedAttention = new(StringComparer.Ordinal)
    {
        "Attention", "com.microsoft.Attention", "com.microsoft.MultiHeadAttention", "com.microsoft.GroupQueryAttention",
        "com.microsoft.DecoderMaskedMultiHeadAttention", "com.microsoft.DecoderMaskedSelfAttention", "com.microsoft.SparseAttention",
        "com.microsoft.PagedAttention", "com.microsoft.LinearAttention", "com.microsoft.QAttention",
    };

    /// <summary>Where the way up from a Softmax ends: scores are a product, of two activations or (a router's) with weights.</summary>
    private static readonly HashSet<string> Products = new(StringComparer.Ordinal)
    {
        "MatMul", "Gemm", "Einsum", "Conv", "MatMulInteger", "QLinearMatMul", "com.microsoft.FusedMatMul", "com.microsoft.MatMulNBits", "com.microsoft.MatMulBnb4",
        "com.microsoft.MatMulFpQ4", "com.microsoft.DynamicQuantizeMatMul", "com.microsoft.MatMulIntegerToFloat", "com.microsoft.FusedGemm",
    };

    public static bool IsFused(string op) => FusedAttention.Contains(op);

    /// <summary>Segment numbers, ascending. Refuses a segment with several attentions: a value other than the stream joins those layers.</summary>
    public static List<int> Find(StreamSegments segments)
    {
        var count = new int[segments.Count];
        foreach (var node in segments.Stream.View.Nodes.Where(n => IsAttention(segments, n)))
        {
            if (segments.Of(node) is >= 0 and var segment) count[segment]++;
        }

        var cached = segments.KvInputs.Concat(segments.KvOutputs).Select(k => k.Segment).ToHashSet();
        var starts = Enumerable.Range(0, segments.Count).Where(s => cached.Count > 0 ? cached.Contains(s) : count[s] > 0).ToList();
        foreach (var segment in starts.Where(s => count[s] > 1 && starts.Count > 0)) throw Crossing(segments, segment);
        return starts;
    }

    /// <summary>A fused operator, or a Softmax over a product of two activations (a router's Softmax is over activations times weights).</summary>
    public static bool IsAttention(StreamSegments segments, ViewNode node)
    {
        if (segments.Stream.View.IsCall(node)) return segments.Stream.View.Operators(node).Any(o => o == "Softmax" || FusedAttention.Contains(o));
        if (FusedAttention.Contains(node.Op)) return true;
        if (node.Op != "Softmax") return false;
        var value = node.Inputs[0];
        for (var steps = 0; steps < 12 && segments.Stream.View.Producer(value) is { } producer; steps++)
        {
            var activations = producer.Inputs.Where(segments.Stream.Dependent.Contains).ToArray();
            if (Products.Contains(producer.Op)) return activations.Length >= 2;
            if (activations.Length == 0) return false;
            value = activations[0];
        }

        return false;
    }

    private static RefusedException Crossing(StreamSegments segments, int segment)
    {
        var position = segments.Nodes(segment).SelectMany(n => n.Outputs.Select(o => (Value: o, n.Position))).Where(v => segments.Stream.Dependent.Contains(v.Value)).ToArray();
        var crossing = position.MaxBy(v => segments.Stream.View.Readers(v.Value).Select(r => r.Node.Position).DefaultIfEmpty(v.Position).Max() - v.Position);
        return new RefusedException(
            "MKA012", crossing.Value, "this value passes from one decoder layer into a later one, beside the residual stream", "Layers that share values (KV sharing, deepstack) cannot be removed one by one; this model is not supported");
    }
}
