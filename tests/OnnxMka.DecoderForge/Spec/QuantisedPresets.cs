using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>Weights of few bits.</summary>
public static class QuantisedPresets
{
    private static readonly GraphForm _nBits = LlamaPresets.GenAi with { Linear = LinearForm.NBits };

    private static readonly GraphForm _qdq = LlamaPresets.TorchScript with
    {
        Linear = LinearForm.QdqBlockwise,
        AnonymousWeights = false,
        Opset = 21,
        IrVersion = 10,
    };

    public static Preset MatMulNBits4 { get; } = Make(nameof(MatMulNBits4), _nBits);

    public static Preset MatMulNBits4ZeroPoints { get; } = Make(
        nameof(MatMulNBits4ZeroPoints), _nBits with { Quant = new QuantForm { ZeroPoints = ZeroPoints.Packed } });

    public static Preset MatMulNBits4FloatZeroPoints { get; } = Make(
        nameof(MatMulNBits4FloatZeroPoints), _nBits with { Quant = new QuantForm { ZeroPoints = ZeroPoints.Float } });

    public static Preset MatMulNBits4Fp16 { get; } = Make(
        nameof(MatMulNBits4Fp16), _nBits with { Type = ElementType.Float16, Qkv = QkvLayout.Packed, Rotary = RotaryForm.InAttention });

    /// <summary>Embedding and head are one 4-bit tensor.</summary>
    public static Preset MatMulNBits4SharedTable { get; } = Make(
        nameof(MatMulNBits4SharedTable), _nBits with { QuantisedTable = true, HeadCopy = false });

    public static Preset MatMulNBits8 { get; } = Make(nameof(MatMulNBits8), _nBits with { Quant = new QuantForm { Bits = 8 } });

    public static Preset MatMulNBits8ZeroPoints { get; } = Make(
        nameof(MatMulNBits8ZeroPoints), _nBits with { Quant = new QuantForm { Bits = 8, ZeroPoints = ZeroPoints.Packed } });

    public static Preset MatMulNBits2 { get; } = Make(nameof(MatMulNBits2), _nBits with { Quant = new QuantForm { Bits = 2 } });

    public static Preset MatMulNBits2ZeroPoints { get; } = Make(
        nameof(MatMulNBits2ZeroPoints), _nBits with { Quant = new QuantForm { Bits = 2, ZeroPoints = ZeroPoints.Packed } });

    /// <summary>The transformers.js q4 form: a TorchScript export whose MatMuls were replaced.</summary>
    public static Preset TorchScriptNBits4 { get; } = Make(
        nameof(TorchScriptNBits4), LlamaPresets.TorchScript with { Linear = LinearForm.NBits, AnonymousWeights = false });

    public static Preset QdqInt4 { get; } = Make(nameof(QdqInt4), _qdq);

    public static Preset QdqUInt4ZeroPoints { get; } = Make(
        nameof(QdqUInt4ZeroPoints), _qdq with { Quant = new QuantForm { ZeroPoints = ZeroPoints.Packed } });

    public static Preset QdqInt4Transposed { get; } = Make(
        nameof(QdqInt4Transposed), LlamaPresets.GenAi with { Linear = LinearForm.QdqBlockwiseTransposed });

    public static Preset QdqInt8 { get; } = Make(nameof(QdqInt8), _qdq with { Linear = LinearForm.QdqInt8 });

    public static Preset DynamicInt8 { get; } = Make(
        nameof(DynamicInt8),
        LlamaPresets.TorchScript with { Linear = LinearForm.DynamicInt8, AnonymousWeights = false, Producer = "onnx.quantize" });

    private static Preset Make(string name, GraphForm form) => new(name, 7, new DecoderSpec(name, new Network(), 4, MlpKind.SwiGlu, form));
}
