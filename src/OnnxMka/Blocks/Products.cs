namespace OnnxMka.Blocks;

/// <summary>Operators that multiply matrices: of two activations (attention scores) or of activations and weights (projections, a router).</summary>
internal static class Products
{
    private static readonly HashSet<string> _operators = new(StringComparer.Ordinal)
    {
        "MatMul", "Gemm", "Einsum", "Conv", "MatMulInteger", "QLinearMatMul", "com.microsoft.FusedMatMul", "com.microsoft.MatMulNBits", "com.microsoft.MatMulBnb4",
        "com.microsoft.MatMulFpQ4", "com.microsoft.DynamicQuantizeMatMul", "com.microsoft.MatMulIntegerToFloat", "com.microsoft.FusedGemm",
    };

    public static bool Contains(string op) => _operators.Contains(op);
}
