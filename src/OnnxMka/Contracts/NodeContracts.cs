using System.Collections.Frozen;
using OnnxMka.Blocks;
using OnnxMka.Graph;
using OnnxMka.Runtime;

namespace OnnxMka.Contracts;

/// <summary>
/// What ONNX Runtime's kernels take on trust of a node, by operator: they divide by a number of heads, and read as many scales as a weight's
/// shape asks for. Where that does not hold the process may end, so it is checked before a session exists.
/// </summary>
internal static class NodeContracts
{
    private static readonly FrozenDictionary<string, Action<ContractNode>> ByOperator = new[]
    {
        AttentionContracts.All, ExpertContracts.All, GeneralContracts.All, NormContracts.All, QuantisedContracts.All, WindowContracts.All,
    }.SelectMany(t => t).ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Refuses the first node that breaks its operator's contract.</summary>
    public static void Refuse(OnnxModel model, ExecutionTarget target)
    {
        var onCpu = target.Name == ExecutionTarget.Cpu.Name;
        Check(model.Graph, null, onCpu);
        foreach (var function in model.Functions.Values) Check(function.Nodes, KnownShapes.Of(function), onCpu);
    }

    private static void Check(OnnxGraph graph, KnownShapes? outer, bool onCpu) => Check(graph.Nodes, KnownShapes.Of(graph, outer), onCpu);

    private static void Check(IReadOnlyList<OnnxNode> nodes, KnownShapes shapes, bool onCpu)
    {
        foreach (var node in nodes)
        {
            if (ByOperator.TryGetValue(NormalisedView.Qualified(node), out var check)) check(new ContractNode(node, shapes, onCpu));
            foreach (var subgraph in node.Attributes.Values.SelectMany(a => a.Subgraphs)) Check(subgraph, shapes, onCpu);
        }
    }
}
