using System.Collections.Immutable;

namespace OnnxMka.Structure;

/// <summary>
/// Where the residual stream passes from one block to the next; seam l is what block l leaves, seam -1 what block 0 reads.
/// </summary>
/// <param name="Value">
/// The value that carries the stream, or the name a tap gives to the sum where a fused skip-norm does not write it out.
/// </param>
/// <param name="SkipNorm">Index of the fused skip-norm node that forms the sum; null where the sum is a value of its own.</param>
public sealed record Seam(string Value, int? SkipNorm)
{
    public bool IsFused => SkipNorm is not null;
}

/// <summary>One input or output of the graph that carries a block's KV cache or other state.</summary>
/// <param name="Name">Port name as the exporter wrote it.</param>
/// <param name="Slot">Which of the block's ports it is: 0, 1 in the order of the graph's port list.</param>
public sealed record KvPort(string Name, int Slot)
{
    /// <summary>
    /// Ports of one kind (same number) carry the same sort of state and are always equally long; see <see cref="CacheKinds"/>.
    /// </summary>
    public int Kind { get; init; }
}

/// <summary>One place where a block reads a parameter.</summary>
/// <param name="Node">Index of the node that reads it from the residual side (past Identity and Transpose).</param>
/// <param name="Slot">Input of that node.</param>
/// <param name="Chain">Nodes between that input and the initializer, nearest to the reader first: Identity, Transpose, Cast, ...</param>
public sealed record ParameterUse(int Node, int Slot, ImmutableArray<int> Chain);

/// <summary>
/// A parameter of a block. Position in <see cref="Block.Parameters"/> is its role: equal blocks have equal roles in equal order.
/// </summary>
/// <param name="Role">Readable role: operator path from the block's end, such as <c>down_proj</c> or <c>MatMul/3</c>.</param>
/// <param name="Initializer">Name of the tensor; blocks may share one.</param>
/// <param name="Use">Where it is read.</param>
/// <param name="Sublayer">Which half of the block it serves.</param>
public sealed record BlockParameter(string Role, string Initializer, ParameterUse Use, Sublayer Sublayer);

/// <summary>The halves of a decoder layer.</summary>
public enum Sublayer
{
    /// <summary>Attention, or whatever has the state, with the norms before and after it.</summary>
    Attention,

    /// <summary>Everything else: the MLP or the experts, with their norms.</summary>
    Mlp,
}

/// <summary>One decoder layer.</summary>
/// <param name="Index">Number in the original model, 0..L-1, for ever.</param>
/// <param name="Kind">Blocks of one kind (same number) can merge: same structure, shapes, types and attributes.</param>
/// <param name="Shape">Blocks of one shape (same number) have the same structure, whatever their attributes and sizes.</param>
/// <param name="MergeObstacle">Why its weights cannot be averaged with those of another block, as "its ..."; null where they can.</param>
/// <param name="Nodes">Indices of the nodes that belong to no other block, ascending.</param>
public sealed record Block(
    int Index,
    int Kind,
    int Shape,
    string? MergeObstacle,
    ImmutableArray<int> Nodes,
    ImmutableArray<BlockParameter> Parameters,
    ImmutableArray<KvPort> KvInputs,
    ImmutableArray<KvPort> KvOutputs,
    Seam Input,
    Seam Output)
{
    /// <summary>Decoder layer that it is, or is a half of, in the original model.</summary>
    public int Layer { get; init; } = Index;

    /// <summary>Which half of the layer it is: <c>attention</c>, <c>mlp</c>; null for a whole layer.</summary>
    public string? Half { get; init; }

    /// <summary>True for a whole layer and for the half that has the caches.</summary>
    public bool HasAttention => Half is null or Halves.Attention;

    /// <summary>As people write it: <c>7</c>, <c>7.attention</c>, <c>7.mlp</c>.</summary>
    public string Name => Half is null ? $"{Layer}" : $"{Layer}.{Half}";
}
