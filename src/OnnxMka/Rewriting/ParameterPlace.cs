using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>Where a merged tensor can be put: in place of the old one, or at an input that then reads a tensor of its own.</summary>
internal readonly record struct ParameterPlace(bool IsPrivate, int Node, int Slot)
{
    /// <summary>
    /// Private means that one chain of single readers leads from the tensor to the block. Otherwise the new tensor enters at the
    /// last input that only this block reads; beyond it the chain may hold nothing but Identity.
    /// </summary>
    public static ParameterPlace Of(OnnxGraph graph, GraphIndex index, BlockParameter parameter)
    {
        var (node, slot) = (parameter.Use.Node, parameter.Use.Slot);
        var rest = parameter.Use.Chain;
        while (rest.Length > 0 && HasOneReader(index, graph.Nodes[rest[0]].Outputs[0]))
        {
            var next = graph.Nodes[rest[0]];
            var wanted = rest.Length > 1 ? graph.Nodes[rest[1]].Outputs[0] : parameter.Initializer;
            (node, slot) = (next.Index, next.Inputs.IndexOf(wanted));
            rest = rest.RemoveAt(0);
        }

        if (rest.Length == 0 && index.IsInitializer(parameter.Initializer) && HasOneReader(index, parameter.Initializer))
            return new ParameterPlace(true, node, slot);
        if (rest.Any(i => graph.Nodes[i].OpType != "Identity"))
        {
            throw new RefusedException(
                "MKA044",
                parameter.Initializer,
                "it is shared between layers behind an operator that changes its layout",
                "Use --method drop, or export the model without sharing equal weights");
        }

        return new ParameterPlace(false, node, slot);
    }

    private static bool HasOneReader(GraphIndex index, string value) => index.Readers(value).Count == 1 && !index.IsOutput(value);
}
