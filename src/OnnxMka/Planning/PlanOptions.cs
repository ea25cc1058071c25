using System.Collections.Immutable;
using System.Globalization;
using OnnxMka.Structure;

namespace OnnxMka.Planning;

/// <summary>What happens to a removed block's weights.</summary>
public enum Method
{
    /// <summary>Convex combination with the block before it (algorithm: MKA, arXiv 2406.16330, section 3).</summary>
    Mka,

    /// <summary>They are deleted; the control for every merge.</summary>
    Drop,
}

/// <summary>
/// Which weights of a survivor are mixed, for telling what merging either half costs; the others stay the kept block's own.
/// </summary>
public enum MergedHalf
{
    /// <summary>Both of them.</summary>
    Both,

    /// <summary>Attention with its norms.</summary>
    Attention,

    /// <summary>MLP or experts with their norms.</summary>
    Mlp,
}

/// <summary>Which pair goes next.</summary>
internal enum Order
{
    /// <summary>The most similar pair of neighbours.</summary>
    Similarity,

    /// <summary>The last unprotected pair, as the paper's released script does.</summary>
    Tail,
}

/// <summary>What is put in the order of the kept block before weights are averaged.</summary>
[Flags]
public enum AlignUnits
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Neurons of the MLP: columns of up and gate, rows of down.</summary>
    Mlp = 1,

    /// <summary>Attention heads within their KV group, and the groups: columns of q, k and v, rows of o.</summary>
    Heads = 2,

    /// <summary>Both of them.</summary>
    Both = Mlp | Heads,
}

/// <summary>How many blocks go, and which.</summary>
internal sealed record PlanOptions
{
    /// <summary>Blocks to remove. Set by <see cref="ForRatio"/> or directly; ignored where <see cref="Named"/> is given.</summary>
    public int Count { get; init; }

    /// <summary>
    /// Blocks (0-based, original numbers) to remove whatever their similarity; protection does not apply to them. Empty for none.
    /// </summary>
    public ImmutableArray<int> Named { get; init; } = [];

    public Method Method { get; init; } = Method.Mka;

    public Order Order { get; init; } = Order.Similarity;

    public MergedHalf Only { get; init; } = MergedHalf.Both;

    /// <summary>Share of the block that is kept, 0 to 1; null takes the pair's similarity clipped to [0.5, 1].</summary>
    public double? Alpha { get; init; }

    /// <summary>
    /// The shares are then fitted, one a parameter: least squares of the merged block's output to that of the blocks it stands for.
    /// </summary>
    public bool FitAlpha { get; init; }

    public AlignUnits Align { get; init; }

    /// <summary>Blocks at the start that neither go nor change.</summary>
    public int ProtectFirst { get; init; } = 1;

    /// <summary>Blocks at the end that neither go nor change.</summary>
    public int ProtectLast { get; init; } = 1;

    /// <summary>The same options counted in the blocks of a map: protected layers as halves.</summary>
    internal PlanOptions For(BlockMap map)
    {
        if (map.HalfNames is null) return this;
        return this with
        {
            ProtectFirst = map.Blocks.Count(b => b.Layer < ProtectFirst),
            ProtectLast = map.Blocks.Count(b => b.Layer >= map.LayerCount - ProtectLast),
        };
    }

    /// <summary>
    /// Numbers of the blocks that a name means: of a layer that comes as two halves both. A number that the map has not comes back as it
    /// is; a name that it has not is refused (MKA040).
    /// </summary>
    internal static IEnumerable<int> Numbers(BlockMap map, string name)
    {
        if (map.HalfNames is null)
        {
            return int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? [number]
                : throw new RefusedException(
                    "MKA040", name, "the blocks are whole layers, which are named by number", "Name halves with --granularity sublayer");
        }

        var found = map.Blocks.Where(b => b.Name == name || $"{b.Layer}" == name).Select(b => b.Index).ToArray();
        return found.Length > 0
            ? found
            : throw new RefusedException(
                "MKA040",
                name,
                $"the model has no such half of layers 0 to {map.LayerCount - 1}",
                "Name halves as 3.attention, 3.mlp, or 3 for both");
    }

    /// <summary>Blocks that a ratio means: half rounds away from zero, 0.4 of 32 is 13.</summary>
    public static int ForRatio(double ratio, int blocks) => (int)Math.Round(ratio * blocks, MidpointRounding.AwayFromZero);
}
