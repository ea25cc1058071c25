using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>com.microsoft Attention: the input projection's weight is an input of the node, past and present are one tensor each.</summary>
internal sealed class PackedAttentionWriter : AttentionWriter
{
    public override void Prepare(BlockContext c) => Mask(c);

    public override string Write(BlockContext c, string x)
    {
        var g = c.Graph;
        var path = c.Path(QkvProjections.Module(c, c.Modules.Packed));
        var weight = g.Weight($"{path}.weight", QkvProjections.PackedWeight(c));
        var bias = QkvProjections.PackedBias(c) is { } b ? g.Weight($"{path}.bias", b) : "";
        var ports = c.Decoder.Ports.WritesPresent ? c.Decoder.Ports.Cache(c.Index) : null;
        (string, object)[] attributes =
        [
            ("num_heads", c.Network.Heads),
            ("unidirectional", c.Network.Causal ? 1 : 0),
            ("mask_filter_value", -10000f),
        ];
        ReadOnlySpan<string?> outputs = ports is null ? [null] : [null, ports.Present];
        using var _ = g.In(c.Modules.Attention);
        return g.Call("Attention", GraphWriter.Contrib, [x, weight, bias, Mask(c), ports?.Past ?? ""], outputs, attributes)[0];
    }

    private static string Mask(BlockContext c) => c.Decoder.Shared.OnceOutside(
        "int mask", "", () => c.Graph.Cast(c.Decoder.Ports.Mask(), ElementType.Int32));
}
