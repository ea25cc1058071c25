using System.Collections.Immutable;
using OnnxMka.Planning;

namespace OnnxMka.Rewriting;

/// <summary>An order of units as an order of columns, in every way that columns of units lie in a matrix.</summary>
/// <param name="from">Old place of each unit; the heads of a KV group stand together.</param>
internal sealed class UnitOrder(AlignUnits kind, int count, int groups, int width, PackedLayout layout, ImmutableArray<int> from)
{
    private readonly int _share = count / groups;

    public int[] Features() => [.. Section(from, width, 0)];

    /// <summary>Old place of each column; null where so many columns are not those of all units.</summary>
    public int[]? Columns(int columns)
    {
        if (kind == AlignUnits.Mlp)
        {
            if (columns == count) return Features();
            if (columns != 2 * count) return null;
            return layout == PackedLayout.Interleaved ? [.. Section(from, 2, 0)] : [.. Section(from, 1, 0), .. Section(from, 1, count)];
        }

        var (all, kv) = (count * width, groups * width);
        if (columns == all) return Features();
        if (columns == kv) return [.. Section(GroupOrder(), width, 0)];
        if (columns == count) return [.. Section(from, 1, 0)];
        if (columns == groups) return [.. Section(GroupOrder(), 1, 0)];
        if (columns == all + (2 * kv))
        {
            return layout == PackedLayout.Interleaved
                ? Grouped(_share, 2)
                : [.. Section(from, width, 0), .. Section(GroupOrder(), width, all), .. Section(GroupOrder(), width, all + kv)];
        }

        if (columns == 2 * kv)
        {
            return layout == PackedLayout.Interleaved
                ? Grouped(0, 2)
                : [.. Section(GroupOrder(), width, 0), .. Section(GroupOrder(), width, kv)];
        }

        return null;
    }

    private ImmutableArray<int> GroupOrder() => [.. Enumerable.Range(0, groups).Select(g => from[g * _share] / _share)];

    private static IEnumerable<int> Section(ImmutableArray<int> order, int size, int offset) =>
        order.SelectMany(unit => Enumerable.Range(offset + (unit * size), size));

    /// <summary>For each group: the columns of its query heads, then of <paramref name="others"/> more.</summary>
    private int[] Grouped(int queries, int others)
    {
        var size = (queries + others) * width;
        return [.. GroupOrder().SelectMany((old, group) =>
            Enumerable.Range(0, queries).Select(q => from[(group * _share) + q] % _share).Concat(Enumerable.Range(queries, others))
                .SelectMany(part => Enumerable.Range((old * size) + (part * width), width)))];
    }
}
