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
    /// <summary>True where no node writes the sum out.</summary>
    public bool IsFused => SkipNorm is not null;
}

/// <summary>One input or output of the graph that carries a block's KV cache or other state.</summary>
/// <param name="Name">Port name as the exporter wrote it.</param>
/// <param name="Slot">Which of the block's ports it is: 0, 1 in the order of the graph's port list.</param>
internal sealed record KvPort(string Name, int Slot)
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
internal sealed record ParameterUse(int Node, int Slot, ImmutableArray<int> Chain);

/// <summary>
/// A parameter of a block. Position in <see cref="Block.Parameters"/> is its role: equal blocks have equal roles in equal order.
/// </summary>
public sealed record BlockParameter
{
    internal BlockParameter(string role, string initializer, ParameterUse use, Sublayer sublayer)
    {
        Role = role;
        Initializer = initializer;
        Use = use;
        Sublayer = sublayer;
    }

    /// <summary>Readable: operator path from the block's end, such as <c>down_proj</c> or <c>MatMul/3</c>.</summary>
    public string Role { get; internal init; }

    /// <summary>Name of the tensor; blocks may share one.</summary>
    public string Initializer { get; internal init; }

    /// <summary>Where it is read.</summary>
    internal ParameterUse Use { get; init; }

    /// <summary>Which half of the block it serves.</summary>
    internal Sublayer Sublayer { get; init; }
}

/// <summary>The halves of a decoder layer.</summary>
internal enum Sublayer
{
    /// <summary>Attention, or whatever has the state, with the norms before and after it.</summary>
    Attention,

    /// <summary>Everything else: the MLP or the experts, with their norms.</summary>
    Mlp,
}

/// <summary>One decoder layer, or a half of one.</summary>
public sealed record Block
{
    internal Block(
        int index,
        int kind,
        int shape,
        string? mergeObstacle,
        ImmutableArray<int> nodes,
        ImmutableArray<BlockParameter> parameters,
        ImmutableArray<KvPort> kvInputs,
        ImmutableArray<KvPort> kvOutputs,
        Seam input,
        Seam output)
    {
        (Index, Layer, Kind, Shape, MergeObstacle) = (index, index, kind, shape, mergeObstacle);
        (Nodes, Parameters, KvInputs, KvOutputs, Input, Output) = (nodes, parameters, kvInputs, kvOutputs, input, output);
    }

    /// <summary>Number in the original model, 0..L-1, for ever.</summary>
    public int Index { get; internal init; }

    /// <summary>Blocks of one kind (same number) can merge: same structure, shapes, types and attributes.</summary>
    public int Kind { get; internal init; }

    /// <summary>Blocks of one shape (same number) have the same structure, whatever their attributes and sizes.</summary>
    public int Shape { get; internal init; }

    /// <summary>Why its weights cannot be averaged with those of another block, as "its ..."; null where they can.</summary>
    public string? MergeObstacle { get; internal init; }

    /// <summary>Indices of the nodes that belong to no other block, ascending.</summary>
    public ImmutableArray<int> Nodes { get; internal init; }

    /// <summary>What its nodes read of the model's weights, once a place; the position is the role.</summary>
    public ImmutableArray<BlockParameter> Parameters { get; internal init; }

    /// <summary>Ports that bring its caches or other state; none where it has none.</summary>
    internal ImmutableArray<KvPort> KvInputs { get; init; }

    /// <summary>The same of what it leaves.</summary>
    internal ImmutableArray<KvPort> KvOutputs { get; init; }

    /// <summary>The stream that it reads.</summary>
    public Seam Input { get; internal init; }

    /// <summary>The stream that it leaves.</summary>
    public Seam Output { get; internal init; }

    /// <summary>Decoder layer that it is, or is a half of, in the original model.</summary>
    public int Layer { get; internal init; }

    /// <summary>Which half of the layer it is: <c>attention</c>, <c>mlp</c>; null for a whole layer.</summary>
    public string? Half { get; internal init; }

    /// <summary>True for a whole layer and for the half that has the caches.</summary>
    public bool HasAttention => Half is null or Halves.Attention;

    /// <summary>As people write it: <c>7</c>, <c>7.attention</c>, <c>7.mlp</c>.</summary>
    public string Name => Half is null ? $"{Layer}" : $"{Layer}.{Half}";
}
