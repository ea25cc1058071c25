namespace OnnxMka.Forge;

/// <summary>Gathers embeddings from the quantised head: codes [vocabulary, blocks, bytes] read as [vocabulary, bytes of a row].</summary>
internal static class QuantisedTable
{
    public static string Gather(DecoderContext d, string ids)
    {
        var g = d.Graph;
        var form = g.Form.Quant;
        var head = Quantiser.Quantise(d.Weights.Embedding.Transposed(), form);
        var (codes, scales) = QuantisedLinears.Store(g, d.Spec.Form.Modules.Head, head);
        var rows = g.Op("Reshape", [codes, g.Ints(d.Spec.Network.Vocabulary, d.Spec.Network.Hidden * form.Bits / 8)]);
        return g.ContribOp(
            "GatherBlockQuantized", [rows, ids, scales],
            ("bits", form.Bits), ("block_size", form.BlockSize), ("gather_axis", 0), ("quantize_axis", 1));
    }
}
