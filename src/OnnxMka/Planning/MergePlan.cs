using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Serialization;
using OnnxMka.Structure;

namespace OnnxMka.Planning;

/// <summary>
/// One decision: block <paramref name="From"/> (with all that was merged into it) goes into block <paramref name="Into"/>.
/// </summary>
/// <param name="Into">Original number of the block that stays; null where a named first block is dropped.</param>
/// <param name="From">Original number of the block that goes.</param>
/// <param name="Similarity">NPIB of the two seams; null where it was not needed.</param>
/// <param name="Alpha">Share of <paramref name="Into"/>; 1 for a drop.</param>
internal sealed record MergeStep(int? Into, int From, double? Similarity, double Alpha);

/// <summary>A surviving block and the original blocks its weights are made of.</summary>
/// <param name="Block">Original number of the block whose place and nodes it has.</param>
/// <param name="Weights">Convex weights over original blocks: each from 0 to 1, 1 together.</param>
internal sealed record MergeGroup(int Block, ImmutableSortedDictionary<int, double> Weights)
{
    /// <summary>True where weights of several blocks are mixed.</summary>
    public bool IsMerge => Weights.Count > 1;

    /// <summary>
    /// Weights of each parameter of its own, by place in <see cref="OnnxMka.Structure.Block.Parameters"/>; default where
    /// <see cref="Weights"/> hold for all.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ImmutableArray<FittedWeights> Fitted { get; init; }

    /// <summary>Weights of the parameter at a place. They sum to 1; fitted ones may lie outside [0, 1].</summary>
    public ImmutableSortedDictionary<int, double> WeightsOf(int role) => Fitted.IsDefaultOrEmpty ? Weights : Fitted[role].Weights;
}

/// <summary>What one parameter of a surviving block is made of.</summary>
/// <param name="Role">For people; the place in the list is what counts.</param>
internal sealed record FittedWeights(string Role, ImmutableSortedDictionary<int, double> Weights);

/// <summary>How several projections lie in one matrix.</summary>
internal enum PackedLayout
{
    /// <summary>One after the other: all queries, all keys, all values; all gates, all ups. Also where nothing is packed.</summary>
    Sections,

    /// <summary>
    /// Unit by unit: query, key and value of a head (or KV group), then those of the next; gate and up of a neuron, then the next.
    /// </summary>
    Interleaved,
}

/// <summary>Another order of a block's inner units, in which it computes the same: taken before it is merged.</summary>
/// <param name="Block">Original number.</param>
/// <param name="Units">Neurons or heads.</param>
/// <param name="From">Old place of each unit; heads of a KV group stand together.</param>
internal sealed record BlockPermutation(int Block, AlignUnits Units, PackedLayout Layout, ImmutableArray<int> From);

/// <summary>A pair of neighbours that was not considered, and why.</summary>
internal sealed record RejectedPair(int Left, int Right, string Reason);

/// <summary>What will be done to a model: a value that can be read, edited and replayed.</summary>
/// <param name="Fingerprint">Of the model that it was made for.</param>
/// <param name="BlockCount">Blocks of that model, L.</param>
/// <param name="Groups">Surviving blocks in order; the new number of a block is its place here.</param>
internal sealed record MergePlan(
    string Fingerprint,
    Method Method,
    Order Order,
    int BlockCount,
    ImmutableArray<MergeStep> Steps,
    ImmutableArray<MergeGroup> Groups,
    ImmutableArray<RejectedPair> Rejected)
{
    /// <summary>Blocks whose units are put in another order first; default where none are.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public ImmutableArray<BlockPermutation> Permutations { get; init; }

    /// <summary>Which half of each merged block is mixed.</summary>
    public MergedHalf Only { get; init; } = MergedHalf.Both;

    /// <summary>
    /// Names of the original blocks where those are halves of layers: <c>0.attention</c>, <c>0.mlp</c>, ...; null where they are layers.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ImmutableArray<string>? Units { get; init; }

    /// <summary>Decoder layers of the original model.</summary>
    [JsonIgnore]
    public int LayerCount => Units is { } units ? LayerOf(units.Length - 1) + 1 : BlockCount;

    /// <summary>
    /// New layer number of each group. A layer of the output is an attention and the MLPs behind it: clients count layers by their caches,
    /// and block detection finds them so.
    /// </summary>
    [JsonIgnore]
    public ImmutableArray<int> Places
    {
        get
        {
            var places = new int[Groups.Length];
            var layers = 0;
            for (var i = 0; i < places.Length; i++) places[i] = HasAttention(Groups[i].Block) ? layers++ : Math.Max(layers - 1, 0);
            return [.. places];
        }
    }

    /// <summary>Original numbers of the layers whose attention stays, ascending; the new number is the place here.</summary>
    [JsonIgnore]
    public IEnumerable<int> KeptLayers => Groups.Where(g => HasAttention(g.Block)).Select(g => LayerOf(g.Block));

    /// <summary>Original numbers of the blocks that go, ascending.</summary>
    public IEnumerable<int> Removed => Enumerable.Range(0, BlockCount).Except(Groups.Select(g => g.Block));

    /// <summary>Place of a surviving block; -1 for one that goes.</summary>
    internal int PlaceOf(int block) => Groups.IndexOf(Groups.FirstOrDefault(g => g.Block == block)!);

    /// <summary>True where what stays is as it was: no weights of several blocks, and no other order of units.</summary>
    internal bool MixesNothing => Permutations.IsDefaultOrEmpty && Groups.All(g => !g.IsMerge && g.Weights.ContainsKey(g.Block));

    /// <summary>Both plans one after the other, in blocks of the first one's model.</summary>
    /// <param name="next">Counts the blocks that this one leaves.</param>
    internal MergePlan Then(MergePlan next)
    {
        if (Steps.IsEmpty && Permutations.IsDefaultOrEmpty && Groups.Length == BlockCount) return next with { Fingerprint = Fingerprint };
        int Block(int place) => Groups[place].Block;
        return this with
        {
            Method = Method == Method.Drop ? next.Method : Method,
            Order = next.Order,
            Only = next.Only,
            Steps = [.. Steps, .. next.Steps.Select(s => s with { Into = s.Into is { } into ? Block(into) : null, From = Block(s.From) })],
            Groups = [.. next.Groups.Select(g => new MergeGroup(Block(g.Block), Combined(g.Weights)) { Fitted = CombinedFits(g) })],
            Rejected = [.. Rejected, .. next.Rejected.Select(r => r with { Left = Block(r.Left), Right = Block(r.Right) })],
            Permutations =
            [
                .. Permutations.IsDefault ? [] : Permutations,
                .. next.Permutations.IsDefault ? [] : next.Permutations.Select(p => p with { Block = Block(p.Block) }),
            ],
        };
    }

    /// <summary>The same blocks removed, nothing mixed: the control.</summary>
    public MergePlan AsDrop() => this with
    {
        Method = Method.Drop,
        Only = MergedHalf.Both,
        Steps = [.. Steps.Select(s => s with { Alpha = 1 })],
        Groups = [.. Groups.Select(g => new MergeGroup(g.Block, Single(g.Block)))],
        Permutations = default,
    };

    /// <summary>A block as people write it.</summary>
    public string NameOf(int block) => Units is { } units ? units[block] : block.ToString(CultureInfo.InvariantCulture);

    internal int LayerOf(int block) => Units is { } units ? int.Parse(units[block].Split('.')[0], CultureInfo.InvariantCulture) : block;

    private ImmutableSortedDictionary<int, double> Combined(ImmutableSortedDictionary<int, double> weights) =>
        Combined(weights.SelectMany(w => Groups[w.Key].Weights.Select(inner => (inner.Key, w.Value * inner.Value))));

    private ImmutableArray<FittedWeights> CombinedFits(MergeGroup next)
    {
        if (next.Fitted.IsDefaultOrEmpty && next.Weights.Keys.All(p => Groups[p].Fitted.IsDefaultOrEmpty)) return default;
        var roles = next.Fitted.IsDefaultOrEmpty
            ? Groups[next.Weights.Keys.First(p => !Groups[p].Fitted.IsDefaultOrEmpty)].Fitted
            : next.Fitted;
        return [.. roles.Select((fit, role) => fit with
        {
            Weights = Combined(
                next.WeightsOf(role).SelectMany(w => Groups[w.Key].WeightsOf(role).Select(inner => (inner.Key, w.Value * inner.Value)))),
        })];
    }

    private static ImmutableSortedDictionary<int, double> Combined(IEnumerable<(int Block, double Weight)> terms) =>
        terms.GroupBy(t => t.Block).ToImmutableSortedDictionary(g => g.Key, g => g.Sum(t => t.Weight));

    private bool HasAttention(int block) => Units is not { } units || !units[block].Contains(Halves.Mlp, StringComparison.Ordinal);

    internal static ImmutableSortedDictionary<int, double> Single(int block) => ImmutableSortedDictionary<int, double>.Empty.Add(block, 1);
}
