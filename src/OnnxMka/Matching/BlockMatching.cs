using System.Collections.Immutable;
using OnnxMka.Compensation;
using OnnxMka.Graph;
using OnnxMka.Numerics;
using OnnxMka.Planning;
using OnnxMka.Rewriting;
using OnnxMka.Running.Parts;
using OnnxMka.Structure;

namespace OnnxMka.Matching;

/// <summary>
/// Puts the units of a block in the order of another's: the order in which what they write to the stream correlates most.
/// <code>
/// unit i writes  c_i W_i  (its columns of the features times its rows of the outer matrix)
/// score(i, j) =  &lt;c_i W_i, c'_j W'_j> / (|c_i W_i| |c'_j W'_j|),  less means, over calibration tokens
/// </code>
/// Heads are assigned within KV groups, and the groups by the sum that their heads then have.
/// </summary>
internal sealed class BlockMatching
{
    private readonly BlockMap _map;
    private readonly NormalisedView _view;
    private readonly BlockChain _chain;
    private readonly OriginalSeams _seams;
    private readonly CancellationToken _ct;

    private BlockMatching(BlockMap map, BlockChain chain, OriginalSeams seams, CancellationToken ct)
    {
        _map = map;
        _view = NormalisedView.Of(map.Model);
        _chain = chain;
        _seams = seams;
        _ct = ct;
    }

    /// <summary>
    /// Orders for every block that goes into another. Refuses blocks whose units cannot be told, or not be proven to be so (MKA058,
    /// MKA059).
    /// </summary>
    public static (ImmutableArray<BlockPermutation> Orders, ImmutableArray<UnitMatch> Report) Run(
        BlockChain chain, MergePlan plan, AlignUnits units, OriginalSeams seams, IProgress<int>? progress, CancellationToken ct)
    {
        var matching = new BlockMatching(chain.Map, chain, seams, ct);
        var found = new List<(BlockPermutation Order, UnitMatch Match)>();
        foreach (var group in plan.Groups.Where(g => g.IsMerge))
        {
            foreach (var block in group.Weights.Keys.Where(b => b != group.Block))
            {
                foreach (var kind in new[] { AlignUnits.Mlp, AlignUnits.Heads }.Where(k => units.HasFlag(k)))
                    found.Add(matching.Match(group.Block, block, kind));
                progress?.Report(1);
            }
        }

        return ([.. found.Select(f => f.Order)], [.. found.Select(f => f.Match)]);
    }

    private (BlockPermutation Order, UnitMatch Match) Match(int into, int block, AlignUnits kind)
    {
        var (kept, other) = (InnerUnits.Of(_map, _view, _map.Blocks[into], kind), InnerUnits.Of(_map, _view, _map.Blocks[block], kind));
        var (layout, proof) = Layout(block, other);
        var scores = Scores(into, kept, block, other);
        var order = Assign(scores, kept.Count, kept.Groups);
        var moved = order.Where((from, to) => from != to).Count();
        return (
            new BlockPermutation(block, kind, layout, [.. order]),
            new UnitMatch(
                into, block, kind, moved, kept.Count, Mean(scores, [.. Enumerable.Range(0, kept.Count)]), Mean(scores, order), proof));
    }

    /// <summary>[kept units, other units]</summary>
    private double[] Scores(int into, InnerUnits kept, int block, InnerUnits other)
    {
        var width = kept.Outer.Inputs;
        var features = Features(into, kept);
        var (both, alone) = (new NormalEquations(width, width), new NormalEquations(width, 0));
        var sample = 0;
        Observe(block, other.Features, (_, tap) =>
        {
            both.Add(tap, features[sample]);
            alone.Add(features[sample++], []);
        });
        var (left, right) = (Weight(kept), Weight(other));
        var products = Summed(both.TakeCross(true), left, right, kept);
        var (own, others) = (Summed(alone.TakeGram(true), left, left, kept), Summed(both.TakeGram(true), right, right, kept));
        var n = kept.Count;
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
            {
                var norm = own[(i * n) + i] * others[(j * n) + j];
                products[(i * n) + j] = norm > 0 ? products[(i * n) + j] / Math.Sqrt(norm) : 0;
            }
        }

        return products;
    }

    /// <summary>
    /// <c>sum over a of unit i, b of unit j: gram[a, b] (W W')[a, b], W' of the other block, turned</c>: inner products of what units
    /// write.
    /// </summary>
    private static double[] Summed(double[] gram, double[] left, double[] right, InnerUnits units)
    {
        var (rows, width, outputs, n) = (units.Outer.Inputs, units.Width, units.Outer.Outputs, units.Count);
        var weights = Dense.MultiplyTurned(left, right, rows, outputs, rows);
        var sums = new double[n * n];
        for (var a = 0; a < rows; a++)
        {
            for (var b = 0; b < rows; b++) sums[(a / width * n) + (b / width)] += gram[(a * rows) + b] * weights[(a * rows) + b];
        }

        return sums;
    }

    /// <summary>Old place of each unit. KV groups first: their worth is the best sum that their heads can have.</summary>
    internal static int[] Assign(double[] scores, int count, int groups)
    {
        if (groups == count) return Assignment.Largest(scores, count);
        var share = count / groups;
        var worth = new double[groups * groups];
        var inside = new int[groups * groups][];
        for (var i = 0; i < worth.Length; i++)
        {
            var (row, column) = (i / groups * share, i % groups * share);
            var part = Enumerable.Range(0, share * share)
                .Select(k => scores[((row + (k / share)) * count) + column + (k % share)])
                .ToArray();
            inside[i] = Assignment.Largest(part, share);
            worth[i] = inside[i].Select((to, from) => part[(from * share) + to]).Sum();
        }

        return
        [
            .. Assignment.Largest(worth, groups).SelectMany(
                (group, place) => inside[(place * groups) + group].Select(head => (group * share) + head)),
        ];
    }

    private static double Mean(double[] scores, int[] order) => order.Select((from, to) => scores[(to * order.Length) + from]).Average();

    /// <summary>
    /// The layout with which the block computes the same when its units stand in reverse. Refuses a block that has none (MKA059).
    /// </summary>
    private (PackedLayout Layout, double Proof) Layout(int block, InnerUnits units)
    {
        var least = double.PositiveInfinity;
        ImmutableArray<int> reverse = [.. Enumerable.Range(0, units.Count).Reverse()];
        foreach (var layout in Enum.GetValues<PackedLayout>())
        {
            var permuted = PermutedBlocks.Apply(_map, [new BlockPermutation(block, units.Kind, layout, reverse)]).Model;
            var (error, allowed) = UnitProof.Difference(
                _chain, BlockPart.Of(_map.Model, _map, block), BlockPart.Of(permuted, _map, block), _seams[block - 1], _ct);
            if (error <= allowed) return (layout, error);
            least = Math.Min(least, error);
        }

        var name = units.Kind == AlignUnits.Heads ? "heads" : "mlp";
        throw new RefusedException(
            "MKA059",
            $"block {block}",
            $"with its {name} in another order it computes something else (by {least:0.0e+0} of what it adds), so they are not "
                + "interchangeable",
            $"Merge without --align {name}");
    }

    /// <summary>The outer matrix, [in, out].</summary>
    private double[] Weight(InnerUnits units)
    {
        var stored = ParameterEdit.Read(_map, units.Outer.Parameter);
        return units.Outer.Transposed ? Dense.Transpose(stored, units.Outer.Outputs, units.Outer.Inputs) : stored;
    }

    private List<float[]> Features(int block, InnerUnits units)
    {
        var features = new List<float[]>();
        Observe(block, units.Features, (_, tap) => features.Add(tap.ToArray()));
        return features;
    }

    private void Observe(int block, string tap, Action<ReadOnlySpan<float>, ReadOnlySpan<float>> consumer) => StreamRows.Each(
        _chain,
        BlockPart.Of(_map.Model, _map, block).Tapping(tap),
        _seams[block - 1],
        _seams[block],
        (left, _, tapped) => consumer(left, tapped),
        _ct);
}
