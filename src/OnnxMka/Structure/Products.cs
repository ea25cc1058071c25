namespace OnnxMka.Structure;

/// <summary>
/// Operators that multiply matrices: of two activations (attention scores) or of activations and weights (projections, a router).
/// </summary>
internal static class Products
{
    private static readonly HashSet<string> _operators = new(StringComparer.Ordinal)
    {
        "MatMul",
        "Gemm",
        "Einsum",
        "Conv",
        "MatMulInteger",
        "QLinearMatMul",
        "com.microsoft.FusedMatMul",
        "com.microsoft.MatMulNBits",
        "com.microsoft.MatMulBnb4",
        "com.microsoft.MatMulFpQ4", "com.microsoft.DynamicQuantizeMatMul", "com.microsoft.MatMulIntegerToFloat", "com.microsoft.FusedGemm",
    };

    public static bool Contains(string op) => _operators.Contains(op);

    /// <summary>
    /// The matrices that are multiplied, without scales, zero points (those of dynamic quantisation are activations too) and bias.
    /// </summary>
    public static IEnumerable<string> Factors(ViewNode product) => product.Op switch
    {
        "Einsum" => product.Inputs,
        "QLinearMatMul" => [product.Inputs[0], product.Inputs[3]],
        _ => product.Inputs.Take(2),
    };
}
