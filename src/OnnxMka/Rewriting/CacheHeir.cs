using OnnxMka.Graph;
using OnnxMka.Structure;

namespace OnnxMka.Rewriting;

/// <summary>The cache that lengths are read from when the one they were read from goes: the first that is left of the same kind.</summary>
internal sealed class CacheHeir(BlockMap map, GraphIndex index, IReadOnlySet<int> removed)
{
    /// <summary>Refuses where no cache of the kind is left, or only such as depend on what reads the length.</summary>
    /// <param name="isInput">The port is what the graph is fed, not what it gives back.</param>
    /// <param name="readers">What outside the block reads the length.</param>
    public string Of(Block block, KvPort port, bool isInput, IReadOnlyCollection<Reader> readers)
    {
        var left = map.Blocks.Where(b => !removed.Contains(b.Index)).SelectMany(b => isInput ? b.KvInputs : b.KvOutputs).ToArray();
        var alike = left.Where(p => p.Kind == port.Kind).ToArray();
        if (alike.Length == 0)
            throw Bereft(left.Length == 0 ? "no cache would be left" : "the caches left are of other kinds, whose lengths may differ");
        if (isInput) return alike[0].Name;
        var behind = Behind(readers);
        return alike.FirstOrDefault(p => !behind.Contains(p.Name))?.Name ?? throw Bereft("those left of its kind are computed from that");

        RefusedException Bereft(string why) => new(
            "MKA046", port.Name, $"{readers.First().Node.Label}, outside block {block.Index}, reads the length of this cache, and {why}",
            $"Keep {(alike.Length == 0 ? "a block with a cache of this kind" : "this block")}; choose other blocks");
    }

    /// <summary>Values that depend on what reads the length, once the removed blocks are gone: the stream passes them by.</summary>
    private HashSet<string> Behind(IEnumerable<Reader> readers)
    {
        var runs = Runs().ToArray();
        var gone = removed.SelectMany(b => map.Blocks[b].Nodes).ToHashSet();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var pending = new Stack<string>(readers.SelectMany(r => r.Node.Outputs));
        while (pending.TryPop(out var value))
        {
            if (value.Length == 0 || !seen.Add(value)) continue;
            foreach (var exit in runs.Where(r => Enters(r.Entry, value)).Select(r => r.Exit))
            {
                pending.Push(exit.Value);
                foreach (var output in exit.SkipNorm is { } next ? map.Model.Graph.Nodes[next].Outputs : []) pending.Push(output);
            }

            foreach (var reader in index.Readers(value).Where(r => !gone.Contains(r.Node.Index)))
            {
                foreach (var output in reader.Node.Outputs) pending.Push(output);
            }
        }

        return seen;
    }

    /// <summary>The value is the stream before a run, or one that a fused norm makes the stream of.</summary>
    private bool Enters(Seam seam, string value) =>
        seam.Value == value || (seam.SkipNorm is { } norm && map.Model.Graph.Nodes[norm].Inputs.Contains(value));

    private IEnumerable<(Seam Entry, Seam Exit)> Runs() =>
        removed.Where(b => !removed.Contains(b - 1)).Select(first => (map.Blocks[first].Input, map.Blocks[LastOf(first)].Output));

    private int LastOf(int first)
    {
        while (removed.Contains(first + 1)) first++;
        return first;
    }
}
