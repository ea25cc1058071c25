using System.Collections.Frozen;
using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OnnxMka.Running.Contracts;

/// <summary>
/// What ONNX Runtime's kernels take on trust of a node, by operator: they divide by a number of heads, and read as many scales as a
/// weight's shape asks for. Where that does not hold the process may end, so it is checked before a session exists.
/// </summary>
internal static class NodeContracts
{
    private static readonly FrozenDictionary<string, Action<ContractNode>> ByOperator = new[]
    {
        AttentionContracts.All, ExpertContracts.All, GeneralContracts.All, NormContracts.All, QuantisedContracts.All, WindowContracts.All,
    }.SelectMany(t => t).ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Refuses the first node that breaks its operator's contract.</summary>
    /// <param name="onCpu">Where it is the CPU's kernels that run.</param>
    public static void Refuse(OnnxModel model, bool onCpu)
    {
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
