using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>Turns every initializer into a Constant node.</summary>
internal static class ConstantWeights
{
    public static void Apply(GraphProto graph)
    {
        var nodes = graph.Initializer.Select(tensor =>
        {
            var node = new NodeProto { OpType = "Constant", Name = $"node_Constant_{tensor.Name}" };
            node.Output.Add(tensor.Name);
            node.Attribute.Add(new AttributeProto { Name = "value", T = tensor, Type = AttributeProto.Types.AttributeType.Tensor });
            return node;
        }).Concat(graph.Node).ToArray();
        graph.Initializer.Clear();
        graph.Node.Clear();
        graph.Node.Add(nodes);
    }
}
