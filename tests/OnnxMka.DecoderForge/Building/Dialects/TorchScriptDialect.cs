using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary><c>/model/layers.1/self_attn/q_proj/MatMul</c>, a Constant node for each use, anonymous projection weights if asked.</summary>
internal class TorchScriptDialect(bool anonymousWeights) : Dialect
{
    private const int FirstAnonymous = 1123;

    private int _anonymous;

    public override bool BiasFirst => true;

    public override bool AliasesCasts => true;

    public override string NodeName(IReadOnlyList<string> scope, string op, string? label) =>
        Unique($"/{string.Join('/', scope)}{(scope.Count > 0 ? "/" : "")}{op}");

    public override string ValueName(string node, string op, int index) => $"{node}_output_{index}";

    public override string Constant(GraphWriter graph, TensorProto tensor) => graph.ConstantNode(tensor);

    public override string WeightName(string module, WeightPart part) => part switch
    {
        WeightPart.Matrix when anonymousWeights => $"onnx::MatMul_{FirstAnonymous + _anonymous++}",
        WeightPart.Bias or WeightPart.NormBias => $"{module}.bias",
        _ => $"{module}.weight",
    };
}
