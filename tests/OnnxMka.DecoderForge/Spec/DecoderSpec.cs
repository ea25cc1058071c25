using System.Collections.Immutable;

namespace OnnxMka.Forge;

/// <summary>A decoder to build: the network, its blocks in order, and the form of the graph.</summary>
public sealed record DecoderSpec(string Name, Network Network, ImmutableArray<BlockSpec> Blocks, GraphForm Form)
{
    /// <summary>A spec of <paramref name="count"/> equal blocks.</summary>
    public DecoderSpec(string name, Network network, int count, MlpKind mlp, GraphForm form)
        : this(name, network, [.. Enumerable.Repeat(new BlockSpec { Mlp = mlp }, count)], form)
    {
    }

    /// <summary>The checkpoint's <c>model_type</c>.</summary>
    public string ModelType { get; init; } = "llama";

    /// <summary>
    /// The same network in the plainest form: every operator decomposed, float weights in initializers, separate KV ports where
    /// this spec has a cache. With the same weights both must answer alike.
    /// </summary>
    public DecoderSpec Plain() => this with
    {
        Name = $"{Name} (plain)",
        Blocks = [.. Blocks.Select(b => b with { Port = -1, Bits = 0, CacheLength = 0, SourceLayers = 1 })],
        Form = new GraphForm
        {
            Norm = Network.Norm == NormKind.Rms ? NormForm.RmsTorchScript : NormForm.LayerDecomposed,
            KvPorts = Form.KvPorts == KvPortForm.None ? KvPortForm.None : KvPortForm.KeyValue,
            Shapes = ShapeForm.Constants,
            InputsEmbeds = Form.InputsEmbeds,
            Logits = Form.Logits,
            // Experts that are all asked compute something else than the best two do.
            Moe = Form.Moe == MoeForm.SoftExperts ? MoeForm.SoftExperts : MoeForm.DenseExperts,
        },
    };

    /// <summary>Positions come in through a port, rather than from the mask or from inside attention.</summary>
    internal bool HasPositionIds =>
        Network.Positions != PositionKind.None && Form.Rotary != RotaryForm.InAttention && Positions == PositionSource.Port;

    /// <summary>
    /// Where positions come from, and lengths: what would come from a cache that keeps all tokens comes from the mask where there is none.
    /// </summary>
    internal PositionSource Positions => Form.Positions == PositionSource.Past && !CountsTokens ? PositionSource.Mask : Form.Positions;

    internal LengthSource Length =>
        Form.Length is LengthSource.Past or LengthSource.Present && !CountsTokens ? LengthSource.Mask : Form.Length;

    private bool CountsTokens => Form.KvPorts != KvPortForm.None && Blocks.Any(b => b.KeepsAll);

    public bool Equals(DecoderSpec? other) =>
        other is not null && Name == other.Name && Network == other.Network && Form == other.Form && Blocks.SequenceEqual(other.Blocks);

    public override int GetHashCode() => HashCode.Combine(Name, Network, Form, Blocks.Length);

    public override string ToString() => Name;
}
