using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>
/// Element types of values, as far as stored tensors, ports, casts and operators that keep the type of their first input tell.
/// </summary>
internal sealed class ValueTypes(GraphIndex index)
{
    private static readonly HashSet<string> _keeping = new(StringComparer.Ordinal)
    {
        "Add",
        "Sum",
        "Sub",
        "Mul",
        "Div",
        "Pow",
        "Sqrt",
        "Reciprocal",
        "Neg",
        "Exp",
        "Erf",
        "Cos",
        "Sin",
        "Tanh",
        "Sigmoid",
        "Relu",
        "Clip",
        "Min",
        "Max",
        "Gelu",
        "FastGelu",
        "BiasGelu",
        "QuickGelu",
        "Softmax",
        "ReduceMean",
        "ReduceSum",
        "MatMul",
        "Gemm",
        "Einsum",
        "Conv",
        "MatMulNBits",
        "RotaryEmbedding",
        "Attention",
        "Identity",
        "Dropout",
        "Reshape",
        "Transpose",
        "Unsqueeze",
        "Squeeze",
        "Slice",
        "Gather",
        "Concat",
        "Split",
        "Expand",
        "LayerNormalization",
        "SkipLayerNormalization",
        "SkipSimplifiedLayerNormalization", "MultiHeadAttention", "GroupQueryAttention", "LinearAttention", "CausalConvWithState",
    };

    private readonly Dictionary<string, ElementType> _known = index.Graph.Inputs.ToDictionary(
        i => i.Name, i => i.Type, StringComparer.Ordinal);

    /// <summary>True for a Cast to the type that its input has.</summary>
    public bool ChangesNothing(OnnxNode node) =>
        node.Is("", "Cast") && Of(node.Inputs[0]) is not ElementType.Undefined and var type && (ElementType)node.Int("to", 0) == type;

    /// <summary>Undefined where it cannot be told. Each value is walked once.</summary>
    private ElementType Of(string value)
    {
        var passed = new List<string> { value };
        var type = Told(value);
        while (type is null)
        {
            passed.Add(index.Producer(passed[^1])!.Inputs[0]);
            type = Told(passed[^1]);
        }

        foreach (var name in passed) _known[name] = type.Value;
        return type.Value;
    }

    /// <summary>What a value tells itself; null where its producer's first input tells.</summary>
    private ElementType? Told(string value)
    {
        if (_known.TryGetValue(value, out var known)) return known;
        if (index.Graph.Initializers.TryGetValue(value, out var tensor)) return tensor.Type;
        if (index.Producer(value) is not { } node) return ElementType.Undefined;
        if (node.Is("", "Cast")) return (ElementType)node.Int("to", 0);
        if (node.Is("", "Constant"))
        {
            return node.Attributes.TryGetValue("value", out var attribute) && attribute.Tensor is { } constant
                ? constant.Type
                : ElementType.Undefined;
        }

        var keeps = node.Domain is "" or "com.microsoft"
            && _keeping.Contains(node.OpType)
            && node.Inputs.Length > 0
            && node.Inputs[0].Length > 0;
        return keeps && (value == node.Outputs[0] || node.OpType == "Split") ? null : ElementType.Undefined;
    }
}
