using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>One block while it is written: its spec, its weights, and the writers of its parts.</summary>
internal sealed class BlockContext(DecoderContext decoder, int index)
{
    public DecoderContext Decoder { get; } = decoder;

    public int Index { get; } = index;

    public GraphWriter Graph => Decoder.Graph;

    public Network Network => Decoder.Spec.Network;

    public GraphForm Form => Decoder.Spec.Form;

    public ModuleNames Modules => Form.Modules;

    public BlockSpec Spec => Decoder.Spec.Blocks[Index];

    public bool Rotates => Network.Positions == PositionKind.Rotary && !Spec.NoRope;

    public string Path(string module) =>
        module.Length > 0 ? $"{Decoder.BlockPath(Index)}.{module.Replace('/', '.')}" : Decoder.BlockPath(Index);

    public bool Has(Role role) => Weights.ContainsKey(role);

    public WeightTensor this[Role role] => Weights[role];

    public WeightTensor? Optional(Role role) => Weights.GetValueOrDefault(role);

    /// <summary>Inputs, 3-D, through the projection of this role; its bias too, unless <paramref name="withBias"/> says not.</summary>
    public string Linear(string x, string module, Role weight, Role bias, bool withBias = true) =>
        Linear(x, module, this[weight], withBias ? Optional(bias) : null);

    public string Linear(string x, string module, WeightTensor weight, WeightTensor? bias = null)
    {
        using var _ = Graph.In(module);
        return Decoder.Linears.Apply(x, Path(module), weight, bias, Spec.Bits);
    }

    /// <summary>Writes the norm's parameters as initializers.</summary>
    public NormWeights NormWeights(string module, Role gamma, Role? beta, ElementType type)
    {
        var betaName = beta is { } shift && Has(shift)
            ? Graph.Weight(Graph.Dialect.WeightName(Path(module), WeightPart.NormBias), this[shift], type)
            : null;
        return new NormWeights(Graph.Weight(Graph.Dialect.WeightName(Path(module), WeightPart.Norm), this[gamma], type), betaName);
    }

    public NormWeights StreamNormWeights(string module, Role gamma, Role beta) =>
        NormWeights(module, gamma, beta, Decoder.Norms.StreamType);

    private IReadOnlyDictionary<Role, WeightTensor> Weights => Decoder.Weights.Blocks[Index];
}

/// <summary>A graph while it is written.</summary>
internal sealed class DecoderContext
{
    public DecoderContext(DecoderModel model, bool readsPast)
    {
        (Spec, Weights) = (model.Spec, model.Weights);
        Graph = new GraphWriter(Spec.Form);
        Ports = new Ports(Spec, readsPast);
        Shared = new SharedValues(Graph, Spec, Ports);
        Rope = new RopeTables(Graph, Spec.Network, Shared);
        Norms = new Norms(Graph, Spec.Network);
        Linears = new Linears(Graph);
        Heads = new Heads(Graph, Shared);
    }

    public DecoderSpec Spec { get; }

    public DecoderWeights Weights { get; }

    public GraphWriter Graph { get; }

    public Ports Ports { get; }

    public SharedValues Shared { get; }

    public RopeTables Rope { get; }

    public Norms Norms { get; }

    public Linears Linears { get; }

    public Heads Heads { get; }

    public string Root => Spec.Form.Modules.Root;

    public string BlockPath(int index) => $"{Root}.{Spec.Form.Modules.Layers}.{index}";

    /// <summary>Module scope of a block: its parts are the modules, not the dots of the path.</summary>
    public string BlockScope(int index) => $"{Root.Replace('.', '/')}/{Spec.Form.Modules.Layers}.{index}";
}
