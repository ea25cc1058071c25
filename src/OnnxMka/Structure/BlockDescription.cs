using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>Describes blocks whose ranges are known: nodes, parameters, kinds, ports and seams of each.</summary>
internal static class BlockDescription
{
    public static BlockMap Of(OnnxModel model, StreamReading reading, List<UnitRange> units)
    {
        var (segments, stream, view) = (reading.Segments, reading.Segments.Stream, reading.Segments.Stream.View);
        var ranges = units.ConvertAll(u => u.Range);
        var sublayers = new Sublayers(segments, UnitRange.Layers(units));
        var owners = BlocksOfSegments(segments, ranges);
        var nodes = NodesByBlock(segments, owners, ranges.Count);
        var inside = view.Nodes.ToLookup(v => v.Origin.Index);
        var inputs = segments.KvInputs.ToLookup(k => owners[k.Segment], k => k.Port);
        var outputs = segments.KvOutputs.ToLookup(k => owners[k.Segment], k => k.Port);
        var blocks = ranges.Select((range, i) => new Block(
            i,
            Word(reading.Exact, range),
            Word(reading.Structural, range),
            MergeObstacle.Of(nodes[i].SelectMany(n => inside[n]), stream, reading.Constants),
            nodes[i],
            ParameterWalk.List(segments, reading.Constants, reading.Exact, sublayers, range),
            Ports(inputs[i]),
            Ports(outputs[i]),
            SeamAt(view, stream.Cuts[range.Start.Value]),
            SeamAt(view, stream.Cuts[range.End.Value]))
        {
            Layer = units[i].Unit.Layer,
            Half = units[i].Unit.Half,
        });
        var kinds = CacheKinds.Tell(Renumbered([.. blocks]), model.Graph, new StateGrowth(segments, reading.Exact));
        return new BlockMap(model, kinds, stream.TokenInput, stream.TakesEmbeddings, stream.Sink);
    }

    /// <summary>Block that each segment belongs to; -1 before the first and behind the last.</summary>
    private static int[] BlocksOfSegments(StreamSegments segments, List<Range> ranges)
    {
        var blocks = new int[segments.Count];
        Array.Fill(blocks, -1);
        for (var i = 0; i < ranges.Count; i++) Array.Fill(blocks, i, ranges[i].Start.Value, ranges[i].End.Value - ranges[i].Start.Value);
        return blocks;
    }

    /// <summary>A fused node that two segments share counts to the block whose norm it holds; the embedding's stays outside.</summary>
    private static ImmutableArray<int>[] NodesByBlock(StreamSegments segments, int[] blocks, int count)
    {
        var owner = new int[segments.Stream.View.Index.Order.Length];
        foreach (var node in segments.Stream.View.Nodes)
        {
            var isInside = segments.Of(node) >= 0 && node.Origin.OpType != "EmbedLayerNormalization";
            owner[node.Origin.Index] = isInside ? blocks[segments.Of(node)] : -1;
        }

        var nodes = Enumerable.Range(0, count).Select(_ => ImmutableArray.CreateBuilder<int>()).ToArray();
        for (var i = 0; i < owner.Length; i++)
        {
            if (owner[i] >= 0) nodes[owner[i]].Add(i);
        }

        return [.. nodes.Select(n => n.ToImmutable())];
    }

    private static int Word(StructureHash hash, Range range) =>
        hash.Intern(
            "block(" + string.Join(',', Enumerable.Range(range.Start.Value, range.End.Value - range.Start.Value).Select(hash.Word)) + ")");

    private static ImmutableArray<KvPort> Ports(IEnumerable<string> ports) => [.. ports.Select((port, slot) => new KvPort(port, slot))];

    private static Seam SeamAt(NormalisedView view, string cut) =>
        view.Producer(cut) is { Op: "ResidualSum" or "EmbeddingSum" } sum ? new Seam(cut, sum.Origin.Index) : new Seam(cut, null);

    /// <summary>Kinds and shapes as 0, 1, 2 in order of appearance.</summary>
    private static ImmutableArray<Block> Renumbered(ImmutableArray<Block> blocks)
    {
        var kinds = blocks.Select(b => b.Kind).Distinct().ToList();
        var shapes = blocks.Select(b => b.Shape).Distinct().ToList();
        return [.. blocks.Select(b => b with { Kind = kinds.IndexOf(b.Kind), Shape = shapes.IndexOf(b.Shape) })];
    }
}
