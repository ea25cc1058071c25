using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Forge;

/// <summary>
/// Blocks that become one: its weights are the sum of theirs, each times its weight. It stands at the place of the first and
/// has that block's attributes.
/// </summary>
public sealed record MergeGroup(ImmutableArray<(int Block, double Weight)> Parts)
{
    public static MergeGroup Of(params ReadOnlySpan<(int Block, double Weight)> parts) => new([.. parts]);
}

/// <summary>
/// A spec with its weights. <see cref="Without"/> and <see cref="Merged"/> give the shallower decoder to build afresh: the reference
/// for a graph that was cut down by surgery.
/// </summary>
public sealed record DecoderModel(DecoderSpec Spec, DecoderWeights Weights)
{
    /// <summary>The model without the given blocks. The others keep their attributes and weights.</summary>
    public DecoderModel Without(params IReadOnlyCollection<int> blocks)
    {
        CheckRange(blocks);
        int[] kept = [.. Enumerable.Range(0, Spec.Blocks.Length).Where(i => !blocks.Contains(i))];
        if (kept.Length == 0) throw new ArgumentException("No block would be left", nameof(blocks));
        return new DecoderModel(
            Spec with { Name = $"{Spec.Name} without {string.Join(',', blocks.Order())}", Blocks = [.. kept.Select(Renumbered)] },
            Weights with { Blocks = [.. kept.Select(i => Weights.Blocks[i])], PerLayerTable = KeptColumns(kept) });

        BlockSpec Renumbered(int block)
        {
            var spec = Spec.Blocks[block];
            if (spec.SharesCacheOf < 0) return spec;
            var source = Array.IndexOf(kept, spec.SharesCacheOf);
            if (source < 0) throw new ArgumentException($"Block {block} reads the cache of a removed block", nameof(blocks));
            return spec with { SharesCacheOf = source };
        }
    }

    /// <summary>The model with each group made one block. Groups do not overlap.</summary>
    public DecoderModel Merged(params IReadOnlyCollection<MergeGroup> groups) => Merged(_ => true, groups);

    /// <summary>
    /// As <see cref="Merged(IReadOnlyCollection{MergeGroup})"/>, but only tensors of some roles are mixed; the others stay those of the
    /// first block.
    /// </summary>
    public DecoderModel Merged(Func<Role, bool> mixed, IReadOnlyCollection<MergeGroup> groups)
    {
        var all = groups.SelectMany(g => g.Parts.Select(p => p.Block)).ToArray();
        CheckRange(all);
        if (all.Distinct().Count() != all.Length) throw new ArgumentException("A block is in two groups", nameof(groups));
        var weights = Weights;
        var removed = new List<int>();
        foreach (var group in groups)
        {
            var place = group.Parts.Min(p => p.Block);
            var merged = Weights.Blocks[place].ToImmutableSortedDictionary(
                p => p.Key,
                p => !mixed(p.Key)
                    ? p.Value
                    : WeightTensor.Sum([.. group.Parts.Select(part => (Weights.Blocks[part.Block][p.Key], part.Weight))], Round));
            weights = weights with { Blocks = weights.Blocks.SetItem(place, merged) };
            removed.AddRange(group.Parts.Select(p => p.Block).Where(b => b != place));
        }

        var model = this with { Weights = weights };
        return removed.Count > 0 ? model.Without(removed) : model;
    }

    public override string ToString() => Spec.Name;

    private float Round(double value) => Spec.Form.Type == ElementType.Float16 ? (float)(Half)value : (float)value;

    private void CheckRange(IEnumerable<int> blocks)
    {
        foreach (var block in blocks)
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)block, (uint)Spec.Blocks.Length, nameof(blocks));
    }

    private WeightTensor? KeptColumns(int[] kept)
    {
        if (Weights.PerLayerTable is not { } table) return null;
        var width = Spec.Network.PerLayerWidth;
        var columns = table.Transposed();
        var rows = kept.SelectMany(b => columns.Values.Slice(b * width * table.Shape[0], width * table.Shape[0]).ToArray()).ToArray();
        return WeightTensor.Of(rows, kept.Length * width, table.Shape[0]).Transposed();
    }
}
