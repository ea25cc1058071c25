using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>Attention in primitive operators.</summary>
internal sealed class DecomposedAttentionWriter : AttentionWriter
{
    public override void Prepare(BlockContext c)
    {
        // A length that is read where the cache leaves is known behind it only.
        if (c.Decoder.Spec.Length != LengthSource.Present) c.Decoder.Shared.AdditiveMask(c.Spec);
        Rotary.Prepare(c);
        if (c.Form.Shapes == ShapeForm.SharedSizes) _ = (c.Decoder.Shared.Batch, c.Decoder.Shared.Length);
    }

    public override string Write(BlockContext c, string x)
    {
        var n = c.Network;
        var heads = c.Decoder.Heads;
        var qkv = QkvProjections.PerHead(c, x);
        using var _ = c.Graph.In(c.Modules.Attention);
        var query = Rotary.PerHead(c, heads.Swap(qkv.Query));
        var freshKey = qkv.Key is null ? null : Rotary.PerHead(c, heads.Swap(qkv.Key));
        var freshValue = qkv.Value is null ? null : heads.Swap(qkv.Value);
        var (key, value) = KvCache.Extend(c, freshKey, freshValue);
        key = heads.Repeat(key, n.KvHeads, n.Heads, n.HeadSize);
        value = heads.Repeat(value, n.KvHeads, n.Heads, n.HeadSize);
        var weights = Softmax(c.Graph, c.Graph.Op("Add", [Scores(c, query, key), c.Decoder.Shared.AdditiveMask(c.Spec)]));
        return heads.Merge(c.Graph.Op("MatMul", [weights, value]), n.QueryWidth);
    }

    /// <summary>Scaled, capped dot products. The dynamo exporter scales both operands, TorchScript the product.</summary>
    internal static string Scores(BlockContext c, string query, string key)
    {
        var g = c.Graph;
        var turned = g.Transpose(key, 0, 1, 3, 2);
        string scores;
        if (c.Form.Dialect == DialectKind.Dynamo)
        {
            var root = MathF.Sqrt(Scale(c));
            scores = g.Op("MatMul", [g.Op("Mul", [query, g.Float(root)]), g.Op("Mul", [turned, g.Float(root)])]);
        }
        else
        {
            scores = g.Op("Mul", [g.Op("MatMul", [query, turned]), g.Float(Scale(c))]);
        }

        var cap = c.Network.AttentionSoftcap;
        return cap > 0 ? g.Op("Mul", [g.Op("Tanh", [g.Op("Div", [scores, g.Float(cap)])]), g.Float(cap)]) : scores;
    }

    /// <summary>In fp32 whatever the model's type.</summary>
    internal static string Softmax(GraphWriter g, string scores) => g.Type == ElementType.Float
        ? g.Op("Softmax", [scores], ("axis", -1))
        : g.Cast(g.Op("Softmax", [g.Cast(scores, ElementType.Float)], ("axis", -1)), g.Type);
}
