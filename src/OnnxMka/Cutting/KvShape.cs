using OnnxMka.Graph;

namespace OnnxMka.Cutting;

/// <summary>What a cache port says of its heads, <c>[batch, heads, tokens, size]</c>.</summary>
/// <param name="Bytes">Of one element.</param>
internal sealed record KvShape(int Heads, int Size, int Bytes)
{
    /// <summary>Bytes that one token takes.</summary>
    public long TokenBytes => (long)Heads * Size * Bytes;

    /// <summary>Null for a port that does not tell both numbers, and for one that is not float.</summary>
    public static KvShape? Of(OnnxGraph graph, string port)
    {
        var info = graph.Inputs.FirstOrDefault(p => p.Name == port);
        if (info is not { Dimensions: [_, var heads, _, var size] } || !info.Type.IsMergeable()) return null;
        return int.TryParse(heads, out var h) && int.TryParse(size, out var s) && h > 0 && s > 0
            ? new KvShape(h, s, info.Type.Bits() / 8)
            : null;
    }
}
