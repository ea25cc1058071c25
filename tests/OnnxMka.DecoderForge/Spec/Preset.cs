using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>A form of graph that people have, small, with a name.</summary>
/// <param name="Issue">Line of the list 'Forms that must work' that asks for it; 0 for graphs that the tool must refuse.</param>
public sealed record Preset(string Name, int Issue, DecoderSpec Spec)
{
    private const int DefaultSeed = 20;

    /// <summary>What weights must look like for the form to show: equal ones, say. Null leaves them as they are.</summary>
    internal Func<DecoderWeights, DecoderWeights>? Shape { get; init; }

    /// <summary>Why the tool must refuse the graph; null where it must work.</summary>
    public string? Refusal { get; init; }

    public DecoderModel Model(int seed = DefaultSeed)
    {
        var weights = RandomWeights.For(Spec, seed);
        return new DecoderModel(Spec, Shape is null ? weights : Shape(weights));
    }

    /// <summary>The network is a plain Llama, so that the form can be had with the trained weights.</summary>
    public bool FitsBooks16 =>
        Refusal is null
            && Shape is null
            && Spec.Network with { KvHeads = 2, Head = HeadKind.Tied } == new Network()
            && Spec.Network.KvHeads == 2
        && Spec.Blocks.All(b => b == new BlockSpec { Mlp = MlpKind.SwiGlu });

    /// <summary>The same form of the trained stand-in.</summary>
    public DecoderModel Books16Model(DecoderWeights weights) => new(
        Spec with
        {
            Name = $"{Name} (books16)",
            Network = Books16.Network,
            Blocks = [.. Enumerable.Repeat(Spec.Blocks[0], Books16.BlockCount)],
        },
        Spec.Form.Type == ElementType.Float16 ? weights.Map(t => t.Map(v => (float)(Half)v)) : weights);

    public override string ToString() => Name;
}
