using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>One network, pre-norm Llama, as every exporter writes it.</summary>
public static class LlamaPresets
{
    private const int Blocks = 4;

    internal static GraphForm TorchScript { get; } = new() { AnonymousWeights = true };

    internal static GraphForm GenAi { get; } = new()
    {
        Dialect = DialectKind.GenAi,
        Modules = ModuleNames.GenAi,
        Norm = NormForm.RmsSimplified,
        Join = JoinForm.SkipNorm,
        Attention = AttentionForm.GroupQuery,
        Rotary = RotaryForm.Contrib,
        Shapes = ShapeForm.Constants,
        PortOrder = PortOrder.Grouped,
        HeadCopy = true,
        Opset = 21,
        IrVersion = 10,
        Producer = "onnxruntime-genai",
    };

    internal static GraphForm Dynamo { get; } = new()
    {
        Dialect = DialectKind.Dynamo,
        Norm = NormForm.RmsDynamo,
        Linear = LinearForm.TransposedMatMul,
        Shapes = ShapeForm.SharedSizes,
        Opset = 18,
        IrVersion = 10,
    };

    internal static GraphForm OrtOptimizer { get; } = TorchScript with
    {
        Dialect = DialectKind.OrtOptimizer,
        Norm = NormForm.RmsSimplified,
        Join = JoinForm.SkipNorm,
        BranchFirst = true,
        Rotary = RotaryForm.Contrib,
        Producer = "onnxruntime.transformers",
    };

    private static readonly GraphForm _genAiMha = GenAi with { Attention = AttentionForm.MultiHead };

    public static Preset TorchScriptLlama { get; } = Make(nameof(TorchScriptLlama), 1, TorchScript);

    public static Preset TorchScriptLlamaNoCache { get; } = Make(
        nameof(TorchScriptLlamaNoCache), 1, TorchScript with { KvPorts = KvPortForm.None });

    /// <summary>Norm scales that are equal in some blocks and not in others.</summary>
    public static Preset TorchScriptIdentityShared { get; } = Make(
        nameof(TorchScriptIdentityShared), 1, TorchScript with { Sharing = SharingForm.Identity }) with
    {
        Shape = w => w.Tie(Role.InputNorm, 0, 2, 3).Tie(Role.PostNorm, 0, 1),
    };

    public static Preset TorchScriptAllNormsEqual { get; } = Make(
        nameof(TorchScriptAllNormsEqual), 1, TorchScript with { Sharing = SharingForm.Identity }) with
    {
        Shape = w => w.Map(t => t.Shape.Length == 1 ? t.Map(_ => 1) : t),
    };

    public static Preset TorchScriptGrouped { get; } = Make(
        nameof(TorchScriptGrouped),
        1,
        TorchScript with { AnonymousWeights = false, PortOrder = PortOrder.Grouped, HeadCopy = true, Length = LengthSource.Mask });

    public static Preset TorchScriptCombinedPastKeyValues { get; } = Make(
        nameof(TorchScriptCombinedPastKeyValues), 1, TorchScript with { KvPorts = KvPortForm.CombinedPastKeyValues });

    public static Preset TorchScriptCombinedPast { get; } = Make(
        nameof(TorchScriptCombinedPast), 1, TorchScript with { KvPorts = KvPortForm.CombinedPast, BranchFirst = true });

    public static Preset TorchScriptGemm { get; } = Make(nameof(TorchScriptGemm), 1, TorchScript with { Linear = LinearForm.GemmTransB });

    public static Preset TorchScriptOldOpset { get; } = Make(
        nameof(TorchScriptOldOpset), 1, TorchScript with { Opset = 14, IrVersion = 7 });

    public static Preset TorchScriptFp16 { get; } = Make(nameof(TorchScriptFp16), 1, TorchScript with { Type = ElementType.Float16 });

    /// <summary>fp16 inside, fp32 ports: the fp16 files of transformers.js.</summary>
    public static Preset TorchScriptFp16FloatPorts { get; } = Make(
        nameof(TorchScriptFp16FloatPorts), 1, TorchScript with { Type = ElementType.Float16, KeepIoTypes = true });

    public static Preset TorchScriptFilePerTensor { get; } = Make(
        nameof(TorchScriptFilePerTensor), 1, TorchScript with { Data = DataPlace.FilePerTensor });

    public static Preset OrtOptimizedLlama { get; } = Make(
        nameof(OrtOptimizedLlama), 1, OrtOptimizer with { Sharing = SharingForm.Direct }) with
    {
        Shape = w => w.Tie(Role.InputNorm, 0, 1, 3).Tie(Role.PostNorm, 1, 2),
    };

    public static Preset OrtOptimizedLlamaGqa { get; } = Make(
        nameof(OrtOptimizedLlamaGqa), 2,
        OrtOptimizer with { Attention = AttentionForm.GroupQuery, Rotary = RotaryForm.InAttention, Shapes = ShapeForm.Constants });

    public static Preset GenAiLlamaGqa { get; } = Make(nameof(GenAiLlamaGqa), 2, GenAi);

    public static Preset GenAiLlamaGqaPackedInOpRotary { get; } = Make(
        nameof(GenAiLlamaGqaPackedInOpRotary),
        2,
        GenAi with { Qkv = QkvLayout.Packed, Rotary = RotaryForm.InAttention, Data = DataPlace.OneFile });

    public static Preset GenAiLlamaMha { get; } = Make(nameof(GenAiLlamaMha), 2, _genAiMha);

    public static Preset GenAiLlamaMhaCacheInside { get; } = Make(
        nameof(GenAiLlamaMhaCacheInside), 2, _genAiMha, new Network { KvHeads = 4 });

    public static Preset GenAiSkipOperandsSwapped { get; } = Make(nameof(GenAiSkipOperandsSwapped), 2, GenAi with { BranchFirst = true });

    public static Preset GenAiUnfusedNorms { get; } = Make(nameof(GenAiUnfusedNorms), 2, GenAi with { Join = JoinForm.Add });

    public static Preset GenAiTiedTable { get; } = Make(nameof(GenAiTiedTable), 2, GenAi with { TableFromHead = true, HeadCopy = false });

    public static Preset GenAiUntied { get; } = Make(nameof(GenAiUntied), 2, GenAi, new Network { Head = HeadKind.Untied });

    public static Preset GenAiLlamaGqaFp16 { get; } = Make(
        nameof(GenAiLlamaGqaFp16), 2, GenAi with { Type = ElementType.Float16, Rotary = RotaryForm.InAttention });

    /// <summary>The first output is not the logits.</summary>
    public static Preset GenAiHiddenStates { get; } = Make(nameof(GenAiHiddenStates), 2, GenAi with { HiddenStates = true });

    public static Preset OliveAnnotated { get; } = Make(nameof(OliveAnnotated), 2, GenAi with { SplitAssignments = true });

    public static Preset GenAiLongRope { get; } = Make(
        nameof(GenAiLongRope), 2, GenAi with { Rotary = RotaryForm.InAttention }, new Network { LongRopeThreshold = 40 });

    public static Preset DynamoLlama { get; } = Make(nameof(DynamoLlama), 5, Dynamo);

    public static Preset DynamoConstantWeights { get; } = Make(nameof(DynamoConstantWeights), 5, Dynamo with { ConstantWeights = true });

    public static Preset DynamoLocalFunctions { get; } = Make(
        nameof(DynamoLocalFunctions), 5, Dynamo with { Functions = FunctionForm.PerLayer });

    public static Preset DynamoNormFunctions { get; } = Make(
        nameof(DynamoNormFunctions), 5, Dynamo with { Functions = FunctionForm.PerNorm });

    public static Preset MobiusOpset23 { get; } = Make(nameof(MobiusOpset23), 5, GenAi with
    {
        Norm = NormForm.RmsStandard,
        Join = JoinForm.Add,
        Attention = AttentionForm.Standard,
        Rotary = RotaryForm.Standard,
        PortOrder = PortOrder.Interleaved,
        Opset = 23,
        IrVersion = 11,
        Producer = "mobius",
    });

    /// <summary>The same under the newest opset that the runtime has kernels for.</summary>
    public static Preset NewestOpset { get; } = MobiusOpset23 with
    {
        Name = nameof(NewestOpset),
        Spec = MobiusOpset23.Spec with { Name = nameof(NewestOpset), Form = MobiusOpset23.Spec.Form with { Opset = 26, IrVersion = 13 } },
    };

    public static Preset InputsEmbeds { get; } = Make(nameof(InputsEmbeds), 8, GenAi with { InputsEmbeds = true });

    public static Preset IfMergedOptimum { get; } = Make(
        nameof(IfMergedOptimum), 8, TorchScript with { IfMerged = true, Producer = "optimum-onnx", IrVersion = 9 });

    private static Preset Make(string name, int issue, GraphForm form, Network? network = null) =>
        new(name, issue, new DecoderSpec(name, network ?? new Network(), Blocks, MlpKind.SwiGlu, form));
}
