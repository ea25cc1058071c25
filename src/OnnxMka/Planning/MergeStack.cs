using System.Collections.Immutable;
using OnnxMka.Structure;

namespace OnnxMka.Planning;

/// <summary>The blocks that are left, in order, and what their weights are made of, while decisions are taken one by one.</summary>
internal sealed class MergeStack
{
    private readonly ImmutableArray<Block> _blocks;
    private readonly List<Place> _places;

    public MergeStack(ImmutableArray<Block> blocks)
    {
        _blocks = blocks;
        _places = [.. blocks.Select(b => new Place([b.Index], MergePlan.Single(b.Index)))];
    }

    public int Count => _places.Count;

    /// <summary>Original number of the block at a place.</summary>
    public int this[int place] => _places[place].Members[0];

    public ImmutableArray<MergeGroup> Groups => [.. _places.Select(p => new MergeGroup(p.Members[0], p.Weights))];

    public int PlaceOf(int block) => _places.FindIndex(p => p.Members[0] == block);

    /// <summary>Original number of the last block that went into the one at a place: its seam is what the place leaves.</summary>
    public int LastMember(int place) => _places[place].Members[^1];

    /// <summary>Why the block at a place cannot be merged into the one before it; null where it can.</summary>
    public string? Obstacle(int place) =>
        place == 0 ? "there is no block before it" : Obstacle(_blocks[this[place - 1]], _blocks[this[place]]);

    /// <summary>Why two blocks cannot be mixed; null where they can.</summary>
    public static string? Obstacle(Block a, Block b)
    {
        if (a.Kind != b.Kind) return $"blocks {a.Index} and {b.Index} are of different kinds";
        return (a.MergeObstacle ?? b.MergeObstacle) is { } obstacle ? $"block {a.Index}: its {obstacle}" : null;
    }

    public void Drop(int block) => _places.RemoveAt(PlaceOf(block));

    public void Merge(int block, double alpha)
    {
        var place = PlaceOf(block);
        _places[place - 1] = Mixed(place, alpha);
        _places.RemoveAt(place);
    }

    /// <summary>The group that the block before a place would become.</summary>
    public MergeGroup Merged(int place, double alpha) => new(this[place - 1], Mixed(place, alpha).Weights);

    private Place Mixed(int place, double alpha)
    {
        var (left, right) = (_places[place - 1], _places[place]);
        var weights = left.Weights.ToDictionary(w => w.Key, w => alpha * w.Value);
        foreach (var (block, weight) in right.Weights) weights[block] = (1 - alpha) * weight;
        return new Place(left.Members.AddRange(right.Members), weights.Where(w => w.Value != 0).ToImmutableSortedDictionary());
    }

    private sealed record Place(ImmutableArray<int> Members, ImmutableSortedDictionary<int, double> Weights);
}
