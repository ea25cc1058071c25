using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>A plain float matrix that a MatMul or Gemm multiplies its first input with.</summary>
/// <param name="Transposed">Stored as [out, in].</param>
internal sealed record LinearWeight(BlockParameter Parameter, bool Transposed, int Inputs, int Outputs)
{
    /// <summary>What the operator multiplies the product with.</summary>
    public double Scale { get; private init; } = 1;

    /// <summary>Null where the node's second input is no such matrix of the block.</summary>
    /// <param name="transposed">True where the operator itself turns the matrix.</param>
    public static LinearWeight? Of(BlockMap map, Block block, ViewNode node, bool transposed)
    {
        var weight = ParameterAt(block, node, 1);
        var tensor = weight is null ? null : map.Tensor(weight.Initializer);
        if (tensor is not { Shape.Length: 2 } || !tensor.Type.IsMergeable() || ComesThrough(map, weight!) is not null) return null;
        transposed ^= weight!.Use.Chain.Select(i => map.Model.Graph.Nodes[i]).Count(Turns) % 2 == 1;
        return transposed
            ? new LinearWeight(weight!, true, (int)tensor.Shape[1], (int)tensor.Shape[0])
            : new LinearWeight(weight!, false, (int)tensor.Shape[0], (int)tensor.Shape[1]);
    }

    /// <summary>The operator between a stored tensor and its reader that makes other numbers of it; null where there is none.</summary>
    public static string? ComesThrough(BlockMap map, BlockParameter parameter) => parameter.Use.Chain
        .Select(i => map.Model.Graph.Nodes[i].OpType)
        .FirstOrDefault(op => op is not ("Transpose" or "Identity" or "Cast"));

    /// <summary>The matrix of a MatMul, or of a Gemm and its like that does not turn its first input.</summary>
    public static LinearWeight? Of(BlockMap map, Block block, ViewNode node) => node.Op switch
    {
        "MatMul" => Of(map, block, node, false),
        "Gemm" or "com.microsoft.FusedMatMul" when !new[] { "transA", "transBatchA", "transBatchB" }.Any(a => node.Origin.Int(a, 0) != 0) =>
            Of(map, block, node, node.Origin.Int("transB", 0) != 0) is { } weight
                ? weight with { Scale = node.Origin.Float("alpha", 1) }
                : null,
        _ => null,
    };

    private static bool Turns(OnnxNode node) =>
        node.OpType == "Transpose" && !(node.Attributes.TryGetValue("perm", out var order) && order.Ints.SequenceEqual([0, 1]));

    /// <summary>The block's parameter that a node reads at an input of the view.</summary>
    public static BlockParameter? ParameterAt(Block block, ViewNode node, int input) => input < node.Inputs.Length
        ? block.Parameters.FirstOrDefault(p => p.Use.Node == node.Origin.Index && p.Use.Slot == node.Slots[input])
        : null;
}
