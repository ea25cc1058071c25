namespace OnnxMka.Forge;

/// <summary>
/// Writes one block's attention up to the mixed heads [batch, sequence, heads * size]; the output projection follows elsewhere.
/// </summary>
internal abstract class AttentionWriter
{
    public static AttentionWriter Of(GraphForm form) => form.Attention switch
    {
        AttentionForm.GroupQuery => new GroupQueryWriter(),
        AttentionForm.MultiHead => new MultiHeadWriter(),
        AttentionForm.Packed => new PackedAttentionWriter(),
        AttentionForm.Standard => new StandardAttentionWriter(),
        AttentionForm.PerHead => new PerHeadWriter(),
        _ => new DecomposedAttentionWriter(),
    };

    /// <summary>Makes what the blocks share, so that it stands before the first block.</summary>
    public abstract void Prepare(BlockContext c);

    public abstract string Write(BlockContext c, string x);

    protected static float Scale(BlockContext c) => 1 / MathF.Sqrt(c.Network.HeadSize);
}
