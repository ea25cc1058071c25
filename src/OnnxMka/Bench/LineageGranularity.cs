using System.Collections.Immutable;
using System.Globalization;
using OnnxMka.Planning;
using OnnxMka.Structure;

namespace OnnxMka.Bench;

/// <summary>A lineage of layers told of their halves, and the other way round, where that can be said.</summary>
internal static class LineageGranularity
{
    private static readonly string[] Both = [Halves.Attention, Halves.Mlp];

    /// <summary>Every layer of the first original is taken to have both halves; null where a layer of the model has others.</summary>
    public static Lineage? OfHalves(Lineage layers, BlockMap map)
    {
        if (map.LayerCount != layers.Plan.Groups.Length || map.Blocks.Any(b => !Both.Contains(b.Half))) return null;
        var groups = map.Blocks.Select(b => (Group: layers.Plan.Groups[b.Layer], Half: Array.IndexOf(Both, b.Half)));
        var plan = layers.Plan with
        {
            BlockCount = 2 * layers.Plan.BlockCount,
            Units =
            [
                .. Enumerable.Range(0, layers.Plan.BlockCount).SelectMany(
                    layer => Both.Select(half => $"{layer.ToString(CultureInfo.InvariantCulture)}.{half}")),
            ],
            Groups =
            [
                .. groups.Select(
                    g => new MergeGroup(
                        InHalves(g.Group.Block, g.Half),
                        g.Group.Weights.ToImmutableSortedDictionary(w => InHalves(w.Key, g.Half), w => w.Value))),
            ],
        };
        var kept = plan.Groups.Select(g => g.Block).ToHashSet();
        return new Lineage(
            plan,
            [
                .. layers.Changes.SelectMany(
                    c => Both.Select((_, half) => c with { Unit = InHalves(c.Unit, half) })).Where(c => kept.Contains(c.Unit)),
            ]);
    }

    /// <summary>Null where a layer of the model is not one whole layer of the first original.</summary>
    public static Lineage? OfLayers(Lineage halves, BlockMap map)
    {
        var names = halves.Plan.Groups.Select(g => halves.Plan.NameOf(g.Block).Split('.')).ToArray();
        var isWhole = names.Length == 2 * map.Count
            && names.Chunk(2).All(
                p => p[0].Length == 2 && p[1].Length == 2 && p[0][0] == p[1][0] && p[0][1] == Both[0] && p[1][1] == Both[1]);
        if (!isWhole || halves.Plan.Groups.Any(g => g.IsMerge || !g.Weights.ContainsKey(g.Block))) return null;
        int[] layers = [.. names.Where((_, i) => i % 2 == 0).Select(n => int.Parse(n[0], CultureInfo.InvariantCulture))];
        var plan = halves.Plan with
        {
            BlockCount = halves.Plan.LayerCount,
            Units = null,
            Groups = [.. layers.Select(layer => new MergeGroup(layer, MergePlan.Single(layer)))],
        };
        return new Lineage(plan, [.. halves.Changes.Select(c => c with { Unit = halves.Plan.LayerOf(c.Unit) }).Distinct()]);
    }

    private static int InHalves(int layer, int half) => (2 * layer) + half;
}
