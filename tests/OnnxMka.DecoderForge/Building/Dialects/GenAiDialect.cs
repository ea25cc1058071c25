using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Names of the ORT GenAI builder; constants are nodes that all layers share, named after their value.</summary>
internal sealed class GenAiDialect : Dialect
{
    private readonly Dictionary<string, string> _constants = new(StringComparer.Ordinal);

    public override string NodeName(IReadOnlyList<string> scope, string op, string? label) =>
        Unique($"/{string.Join('/', scope)}{(scope.Count > 0 ? "/" : "")}{label ?? op}");

    public override string ValueName(string node, string op, int index) =>
        index > 0 || op.StartsWith("Skip", StringComparison.Ordinal)
            ? $"{node[..node.LastIndexOf('/')]}/output_{index}"
            : $"{node}/output_0";

    public override string Constant(GraphWriter graph, TensorProto tensor)
    {
        var type = ((ElementType)tensor.DataType).ToString().ToUpperInvariant();
        var value = Tensors.Text(tensor);
        var key = $"{type}/{value}";
        if (!_constants.TryGetValue(key, out var name))
        {
            name = $"/model/constants/{key}";
            graph.ConstantNode(tensor, $"/model/constant_nodes/{key}", name);
            _constants[key] = name;
        }

        return name;
    }

    public override string WeightName(string module, WeightPart part) => part switch
    {
        WeightPart.Matrix => $"{module}.MatMul.weight",
        WeightPart.Bias => $"{module}.Add.bias",
        WeightPart.NormBias => $"{module}.bias",
        _ => $"{module}.weight",
    };
}
