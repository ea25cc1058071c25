using System.Collections.Frozen;

namespace OnnxMka.Structure;

/// <summary>
/// Operators in which tokens meet: attention, and the recurrences and convolutions that stand in its place. They came to ONNX from
/// <c>com.microsoft</c> and from makers' own domains under their old names, so the domain does not count.
/// </summary>
internal static class MixerOperators
{
    private static readonly FrozenSet<string> Attention = FrozenSet.Create(
        StringComparer.Ordinal, "Attention", "MultiHeadAttention", "GroupQueryAttention", "DecoderMaskedMultiHeadAttention",
        "DecoderMaskedSelfAttention", "SparseAttention", "PagedAttention", "FlexAttention", "QAttention");

    private static readonly FrozenSet<string> Recurrences = FrozenSet.Create(
        StringComparer.Ordinal, "LinearAttention", "GatedDeltaNet", "GatedDeltaRule", "DeltaNet", "DeltaRule", "GatedLinearAttention",
        "LightningAttention", "SelectiveScan", "SelectiveStateSpace", "StateSpaceDuality", "Retention");

    private static readonly FrozenSet<string> Convolutions = FrozenSet.Create(
        StringComparer.Ordinal, "CausalConvWithState", "CausalConv1DWithState", "VarlenCausalConvWithState", "CausalConv1D");

    /// <summary>A whole attention, or the recurrence that replaces one.</summary>
    public static bool IsAttention(string op) => Attention.Contains(Bare(op)) || Recurrences.Contains(Bare(op));

    /// <summary>Carries a state of fixed size from token to token.</summary>
    public static bool IsRecurrent(string op) =>
        Recurrences.Contains(Bare(op)) || Convolutions.Contains(Bare(op)) || Bare(op) is "RNN" or "GRU" or "LSTM" or "DynamicQuantizeLSTM";

    /// <summary>A mixture of experts in one operator.</summary>
    public static bool IsExperts(string op) => Bare(op) is "MoE" or "QMoE";

    private static string Bare(string op) => op[(op.LastIndexOf('.') + 1)..];
}
