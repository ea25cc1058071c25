using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Names of the FX graph (<c>node_linear_3</c>), constants as initializers; only metadata tells the layer.</summary>
internal sealed class DynamoDialect : Dialect
{
    private static readonly Dictionary<string, string> _fx = new(StringComparer.Ordinal)
    {
        ["Add"] = "add",
        ["Mul"] = "mul",
        ["MatMul"] = "linear",
        ["Reshape"] = "view",
        ["Transpose"] = "transpose",
        ["Pow"] = "pow",
        ["ReduceMean"] = "mean",
        ["Sqrt"] = "rsqrt",
        ["Softmax"] = "softmax",
        ["Concat"] = "cat",
        ["Sigmoid"] = "silu",
        ["Gather"] = "embedding",
        ["Slice"] = "slice",
        ["Neg"] = "neg",
        ["Cos"] = "cos",
        ["Sin"] = "sin",
        ["Unsqueeze"] = "unsqueeze",
        ["Expand"] = "expand",
    };

    public override string NodeName(IReadOnlyList<string> scope, string op, string? label)
    {
        var name = _fx.GetValueOrDefault(op, op);
        return $"node_{name}_{Count(name)}";
    }

    public override string ValueName(string node, string op, int index)
    {
        var name = _fx.ContainsKey(op) ? node["node_".Length..] : $"val_{Count("val")}";
        return index > 0 ? $"{name}_split_{index}" : name;
    }

    public override string Constant(GraphWriter graph, TensorProto tensor)
    {
        var name = $"val_{Count("val")}";
        graph.Initializer(name, tensor);
        return name;
    }

    public override string WeightName(string module, WeightPart part) =>
        part is WeightPart.Bias or WeightPart.NormBias ? $"{module}.bias" : $"{module}.weight";

    public override void Annotate(NodeProto node, IReadOnlyList<string> scope)
    {
        var path = "";
        var scopes = new List<string> { "''" };
        var classes = new List<string> { "'transformers.CausalLM'" };
        foreach (var part in scope)
        {
            path = path.Length > 0 ? $"{path}.{part}" : part;
            scopes.Add($"'{path}'");
            classes.Add($"'torch.nn.{part.Split('.')[0]}'");
        }

        node.MetadataProps.Add(
            new StringStringEntryProto { Key = "namespace", Value = $": transformers.CausalLM/{string.Join('/', scope)}" });
        node.MetadataProps.Add(
            new StringStringEntryProto { Key = "pkg.torch.onnx.class_hierarchy", Value = $"[{string.Join(", ", classes)}]" });
        node.MetadataProps.Add(new StringStringEntryProto { Key = "pkg.torch.onnx.name_scopes", Value = $"[{string.Join(", ", scopes)}]" });
    }
}
