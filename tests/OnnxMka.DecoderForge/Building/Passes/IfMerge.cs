using OnnxMka.Graph;
using OnnxMka.Graph.Proto;

namespace OnnxMka.Forge;

/// <summary>
/// Puts two graphs of one decoder, with and without past, into the branches of an If over use_cache_branch. Weights move to the outer
/// graph under names that end in <c>_merged_k</c>; single numbers and short integer vectors stay inside.
/// </summary>
internal static class IfMerge
{
    public static GraphProto Merge(GraphProto withPast, GraphProto noPast)
    {
        var outer = new GraphProto { Name = "merged" };
        outer.Input.Add(withPast.Input);
        outer.Input.Add(new ValueInfoProto
        {
            Name = "use_cache_branch",
            Type = new TypeProto
            {
                TensorType = new TypeProto.Types.Tensor
                {
                    ElemType = (int)ElementType.Bool,
                    Shape = new TensorShapeProto { Dim = { new TensorShapeProto.Types.Dimension { DimValue = 1 } } },
                },
            },
        });
        outer.Output.Add(withPast.Output.Select(o => o.Clone()));
        var node = new NodeProto { OpType = "If", Name = "optimum::if" };
        node.Input.Add("use_cache_branch");
        node.Output.Add(withPast.Output.Select(o => o.Name));
        node.Attribute.Add(Branch("then_branch", withPast, "with_past", outer));
        node.Attribute.Add(Branch("else_branch", noPast, "no_past", outer));
        outer.Node.Add(node);
        return outer;
    }

    private static AttributeProto Branch(string attribute, GraphProto graph, string name, GraphProto outer)
    {
        var moved = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var tensor in graph.Initializer.Where(Moves).ToArray())
        {
            graph.Initializer.Remove(tensor);
            moved[tensor.Name] = Place(outer, tensor);
        }

        foreach (var node in graph.Node)
        {
            for (var i = 0; i < node.Input.Count; i++) node.Input[i] = moved.GetValueOrDefault(node.Input[i], node.Input[i]);
        }

        var branch = new GraphProto { Name = name };
        branch.Node.Add(graph.Node);
        branch.Initializer.Add(graph.Initializer);
        branch.Output.Add(graph.Output);
        return new AttributeProto { Name = attribute, G = branch, Type = AttributeProto.Types.AttributeType.Graph };
    }

    private static bool Moves(TensorProto tensor) =>
        tensor.Dims.Count > 1 || (tensor.Dims.Count == 1 && (ElementType)tensor.DataType is not (ElementType.Int32 or ElementType.Int64));

    /// <summary>The name of an equal tensor that moved out before, or the next free one.</summary>
    private static string Place(GraphProto outer, TensorProto tensor)
    {
        for (var k = 0; ; k++)
        {
            var name = $"{tensor.Name}_merged_{k}";
            var there = outer.Initializer.FirstOrDefault(t => t.Name == name);
            if (there is not null && (!there.Dims.SequenceEqual(tensor.Dims) || there.RawData != tensor.RawData)) continue;
            if (there is null)
            {
                var copy = tensor.Clone();
                copy.Name = name;
                outer.Initializer.Add(copy);
            }

            return name;
        }
    }
}
