using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>A plain float matrix that a MatMul or Gemm multiplies its first input with.</summary>
/// <param name="Transposed">Stored as [out, in].</param>
internal sealed record LinearWeight(BlockParameter Parameter, bool Transposed, int Inputs, int Outputs)
{
    /// <summary>Null where the node's second input is no such matrix of the block.</summary>
    /// <param name="transposed">True where the operator itself turns the matrix.</param>
    public static LinearWeight? Of(BlockMap map, Block block, ViewNode node, bool transposed)
    {
        var weight = ParameterAt(block, node, 1);
        var tensor = weight is null ? null : map.Tensor(weight.Initializer);
        var chain = weight?.Use.Chain.Select(i => map.Model.Graph.Nodes[i].OpType).ToArray() ?? [];
        if (tensor is not { Shape.Length: 2 }
            || !tensor.Type.IsMergeable()
            || chain.Any(op => op is not ("Transpose" or "Identity" or "Cast")))
            return null;
        transposed ^= chain.Count(op => op == "Transpose") % 2 == 1;
        return transposed
            ? new LinearWeight(weight!, true, (int)tensor.Shape[1], (int)tensor.Shape[0])
            : new LinearWeight(weight!, false, (int)tensor.Shape[0], (int)tensor.Shape[1]);
    }

    /// <summary>The matrix of a MatMul, or of a Gemm that does not turn its first input.</summary>
    public static LinearWeight? Of(BlockMap map, Block block, ViewNode node) => node.Op switch
    {
        "MatMul" => Of(map, block, node, false),
        "Gemm" when node.Origin.Int("transA", 0) == 0 => Of(map, block, node, node.Origin.Int("transB", 0) != 0),
        _ => null,
    };

    /// <summary>The block's parameter that a node reads at an input of the view.</summary>
    public static BlockParameter? ParameterAt(Block block, ViewNode node, int input) => input < node.Inputs.Length
        ? block.Parameters.FirstOrDefault(p => p.Use.Node == node.Origin.Index && p.Use.Slot == node.Slots[input])
        : null;
}
