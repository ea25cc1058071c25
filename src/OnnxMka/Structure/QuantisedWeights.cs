using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>Operators whose constant inputs are quantised weights, their scales and zero points.</summary>
internal static class QuantisedWeights
{
    /// <summary>Element types that only packed weights use.</summary>
    public static bool IsPacked(ElementType type) =>
        type is ElementType.UInt8 or ElementType.Int8 or ElementType.UInt4 or ElementType.Int4 or ElementType.UInt2 or ElementType.Int2
            or (>= ElementType.Float8E4M3FN and <= ElementType.Float8E5M2FNUZ) or ElementType.Float4E2M1 or ElementType.Float8E8M0;

    /// <summary>True where a constant read by this operator is part of a quantised weight, scalars (scale, zero point) included.</summary>
    public static bool ReadsWeights(ViewNode node, NormalisedView view) => node.Op switch
    {
        "com.microsoft.MatMulNBits" or "com.microsoft.MatMulBnb4" or "com.microsoft.MatMulFpQ4" or "com.microsoft.QMoE" => true,
        "DequantizeLinear"
            or "com.microsoft.DequantizeLinear"
            or "MatMulInteger"
            or "QLinearMatMul"
            or "com.microsoft.DynamicQuantizeMatMul"
            or "com.microsoft.MatMulIntegerToFloat" => true,
        // The scale of a dynamically quantised product: Mul(activation scale, weight scale).
        "Mul" => node.Inputs.Any(i => view.Producer(i)?.Op == "DynamicQuantizeLinear"),
        _ => false,
    };
}
