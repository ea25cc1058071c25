namespace OnnxMka.Forge;

/// <summary>Models with layer norms and biases, block by block in sequence: GPT-2, OPT and their like.</summary>
public static class LayerNormPresets
{
    private static readonly Network _gpt2 = new()
    {
        Norm = NormKind.Layer,
        KvHeads = 4,
        Positions = PositionKind.Learned,
        QkvBias = true,
        OutputBias = true,
        MlpBias = true,
    };

    private static readonly Network _opt = _gpt2 with { PositionOffset = 2 };

    private static readonly GraphForm _gpt2Form = LlamaPresets.TorchScript with
    {
        Modules = ModuleNames.Gpt2,
        Norm = NormForm.LayerStandard,
        Qkv = QkvLayout.Packed,
        Linear = LinearForm.Conv1D,
        HeadCopy = true,
    };

    private static readonly GraphForm _gpt2Fused = _gpt2Form with
    {
        Dialect = DialectKind.OrtOptimizer,
        Join = JoinForm.SkipNorm,
        BranchFirst = true,
        SkipBias = true,
        EmbedNorm = true,
        Attention = AttentionForm.Packed,
        Linear = LinearForm.MatMul,
        Activation = ActivationForm.WithBias,
        AnonymousWeights = false,
        KvPorts = KvPortForm.CombinedPast,
        Opset = 11,
        IrVersion = 6,
        Producer = "onnxruntime.transformers",
    };

    private static readonly GraphForm _optForm = LlamaPresets.TorchScript with
    {
        Modules = ModuleNames.Opt,
        Norm = NormForm.LayerStandard,
        Positions = PositionSource.Mask,
    };

    public static Preset Gpt2TorchScript { get; } = Make(nameof(Gpt2TorchScript), _gpt2, MlpKind.GeluTanh, _gpt2Form);

    /// <summary>Opset 14: the layer norm in primitive operators, past and present one tensor each.</summary>
    public static Preset Gpt2OldOpset { get; } = Make(
        nameof(Gpt2OldOpset), _gpt2, MlpKind.GeluTanh,
        _gpt2Form with { Norm = NormForm.LayerDecomposed, KvPorts = KvPortForm.CombinedPast, Opset = 14, IrVersion = 7 });

    /// <summary>Fresh norms and biases, so that tensors are shared across roles as well as blocks.</summary>
    public static Preset Gpt2OrtFused { get; } = Make(
        nameof(Gpt2OrtFused), _gpt2, MlpKind.GeluTanh, _gpt2Fused with { Sharing = SharingForm.Direct }) with
    {
        Shape = w => w with
        {
            Blocks = [.. w.Blocks.Select((b, i) => i == 1 ? b : b.SetItems(b.Where(p => p.Value.Shape.Length == 1).Select(Fresh)))],
        },
    };

    public static Preset Gpt2OrtFusedOwnWeights { get; } = Make(nameof(Gpt2OrtFusedOwnWeights), _gpt2, MlpKind.GeluTanh, _gpt2Fused);

    /// <summary>Skip-norms without biases inside, the first norm a node of its own.</summary>
    public static Preset Gpt2OrtFusedNoBias { get; } = Make(
        nameof(Gpt2OrtFusedNoBias), _gpt2, MlpKind.Gelu, _gpt2Fused with { SkipBias = false, EmbedNorm = false, BranchFirst = false });

    public static Preset OptPreNorm { get; } = Make(nameof(OptPreNorm), _opt, MlpKind.Relu, _optForm);

    public static Preset OptPostNorm { get; } = Make(
        nameof(OptPostNorm), _opt with { Topology = Topology.PostNorm }, MlpKind.Relu, _optForm);

    public static Preset OptPostNormFused { get; } = Make(
        nameof(OptPostNormFused), _opt with { Topology = Topology.PostNorm }, MlpKind.Relu,
        _optForm with { Dialect = DialectKind.OrtOptimizer, Join = JoinForm.SkipNorm, SkipBias = true, BranchFirst = true });

    public static Preset OptFused { get; } = Make(
        nameof(OptFused), _opt, MlpKind.Relu,
        _optForm with
        {
            Dialect = DialectKind.OrtOptimizer,
            Join = JoinForm.SkipNorm,
            SkipBias = true,
            Attention = AttentionForm.MultiHead,
        });

    /// <summary>Layer norms, squared ReLU, no biases (Nemotron), from the GenAI builder.</summary>
    public static Preset GenAiNemotron { get; } = Make(
        nameof(GenAiNemotron), new Network { Norm = NormKind.Layer, RotaryDim = 8, Head = HeadKind.Untied }, MlpKind.ReluSquared,
        LlamaPresets.GenAi with { Norm = NormForm.LayerStandard });

    /// <summary>An embedding norm before the first block, and no positions at all.</summary>
    public static Preset EmbeddingNorm { get; } = Make(
        nameof(EmbeddingNorm), _gpt2 with { EmbeddingNorm = true, Positions = PositionKind.None }, MlpKind.Gelu,
        LlamaPresets.TorchScript with { Norm = NormForm.LayerStandard, Activation = ActivationForm.Contrib });

    private static Preset Make(string name, Network network, MlpKind mlp, GraphForm form) => new(
        name, 3, new DecoderSpec(name, network, 4, mlp, form) { ModelType = Type(name) });

    private static string Type(string name) => name switch
    {
        _ when name.StartsWith("Gpt2", StringComparison.Ordinal) => "gpt2",
        _ when name.StartsWith("Opt", StringComparison.Ordinal) => "opt",
        nameof(GenAiNemotron) => "nemotron",
        _ => "bloom",
    };

    private static KeyValuePair<Role, WeightTensor> Fresh(KeyValuePair<Role, WeightTensor> weight) =>
        KeyValuePair.Create(weight.Key, weight.Value.Map(weight.Key is Role.InputNorm or Role.PostNorm ? _ => 1 : _ => 0));
}
