using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>What about a block's operators makes an average of two such blocks meaningless; dropping one stays possible.</summary>
internal static class MergeObstacle
{
    /// <summary>The reason as half a sentence ("its ..."); null where nothing speaks against merging.</summary>
    public static string? Of(IEnumerable<ViewNode> nodes, ResidualStream stream, ConstantValues constants)
    {
        var view = stream.View;
        foreach (var (node, op) in nodes.SelectMany(n => view.Operators(n).Select(o => (n, o))))
        {
            switch (op)
            {
                case "Softmax" when AttentionSegments.IsRouter(stream, node):
                case "TopK":
                case var _ when MixerOperators.IsExperts(op):
                    return $"experts ({node.Origin.Label}) stand in an order of their own, so that averaging needs experts to be matched "
                        + "first";
                case "Conv" when IsPointwise(node, view):
                    break;
                case "Conv":
                case var _ when MixerOperators.IsRecurrent(op):
                    return $"state ({node.Origin.Label}) is that of a convolution or recurrence, whose weights are not averaged";
                case "com.microsoft.MatMulNBits" when node.Origin.Int("weight_prepacked", 0) != 0:
                    return $"weights ({node.Origin.Label}) are prepacked for one kind of GPU, an opaque layout";
                case "com.microsoft.MatMulFpQ4"
                    or "com.microsoft.MatMulBlockQuantizedFp8Weight"
                    or "com.microsoft.MatMulBlockQuantizedFp4Weight":
                    return $"weights ({node.Origin.Label}) have an opaque layout";
            }

            if (node.Outputs.Any(stream.Dependent.Contains) && HidesWeights(node.Origin, constants))
                return $"weights ({node.Origin.Label}) stand in a subgraph, where they are not averaged";
            // A product of activations alone, quantised as it runs, has no weights.
            if (QuantisedWeights.ReadsWeights(node, view) && node.Inputs.Any(i => i.Length > 0 && !stream.Dependent.Contains(i)))
                return $"weights ({node.Origin.Label}) are quantised, and quantised weights cannot be averaged";
        }

        return null;
    }

    /// <summary>True where subgraphs of a node hold weights or read those of the graph around them.</summary>
    private static bool HidesWeights(OnnxNode node, ConstantValues constants) =>
        node.Captures.Where(constants.Contains)
            .SelectMany(constants.Leaves)
            .Any(leaf => constants.Tensor(leaf) is { } tensor && ConstantValues.IsWeight(tensor))
        || node.Attributes.Values.SelectMany(a => a.Subgraphs).Any(g =>
            g.Initializers.Values.Concat(
                g.Nodes.SelectMany(n => n.Attributes.Values.SelectMany(a => a.Tensors))).Any(ConstantValues.IsWeight)
                || g.Nodes.Any(n => HidesWeights(n, constants)));

    /// <summary>A convolution of kernel size one is a projection; its weight is <c>[out, in / groups, 1, ...]</c>.</summary>
    private static bool IsPointwise(ViewNode node, NormalisedView view) =>
        node.Origin.Attributes.TryGetValue("kernel_shape", out var kernel)
        ? kernel.Ints.All(k => k == 1)
        : node.Op == "Conv"
            && view.Index.Graph.Initializers.TryGetValue(node.Inputs[1], out var weight)
            && weight.Shape.Skip(2).All(k => k == 1);
}
