using System.Collections.Immutable;
using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>
/// Finds the decoder blocks of a graph from its structure:
/// <list type="number">
/// <item>view the graph with fused norms split (<see cref="NormalisedView"/>);</item>
/// <item>find the values that nothing bypasses between embeddings and logits (<see cref="ResidualStream"/>);</item>
/// <item>cut the stream there and name each segment by what it computes (<see cref="StreamSegments"/>, <see cref="StructureHash"/>);</item>
/// <item>a block runs from the cut before a segment with a KV cache (or, without caches, with attention) to the next such cut;
/// the last ends where an earlier block of the same beginning ends.</item>
/// </list>
/// Names decide nothing.
/// </summary>
public static class BlockDetector
{
    /// <summary>Refuses a graph that is no decoder, has no repeated block, or lets other values than the stream pass between blocks.</summary>
    /// <param name="granularity">Halves of layers come as blocks of their own, each with its layer; refused where no layer has halves.</param>
    public static BlockMap Detect(OnnxModel model, Granularity granularity = Granularity.Block)
    {
        UnsupportedGraphs.Refuse(model);
        FunctionCalls.Refuse(model);
        OperatorForms.Refuse(model);
        var view = NormalisedView.Of(model);
        var stream = ResidualStream.Find(view);
        var segments = new StreamSegments(stream);
        StackedCaches.Refuse(segments);
        var constants = new ConstantValues(segments);
        using var exact = new StructureHash(segments, constants, exact: true);
        using var structural = new StructureHash(segments, constants, exact: false);
        var layers = BlockRanges(segments, structural);
        AttentionSegments.RefuseOutside(segments, layers);
        SideInputs.Refuse(segments, exact, layers);
        var parts = granularity == Granularity.Sublayer ? Halves.Of(segments, layers) : [.. layers.Select((range, layer) => (range, layer, (string?)null))];
        var ranges = parts.Select(p => p.Range).ToList();
        var sublayers = new Sublayers(segments, layers);
        var owners = BlocksOfSegments(segments, ranges);
        var nodes = NodesByBlock(segments, owners, ranges.Count);
        var inside = view.Nodes.ToLookup(v => v.Origin.Index);
        var (inputs, outputs) = (segments.KvInputs.ToLookup(k => owners[k.Segment], k => k.Port), segments.KvOutputs.ToLookup(k => owners[k.Segment], k => k.Port));
        var blocks = ranges.Select((range, i) => new Block(
            i,
            Word(exact, range),
            Word(structural, range),
            MergeObstacle.Of(nodes[i].SelectMany(n => inside[n]), stream, constants),
            nodes[i],
            ParameterWalk.List(segments, constants, exact, sublayers, range),
            Ports(inputs[i]),
            Ports(outputs[i]),
            SeamAt(view, stream.Cuts[range.Start.Value]),
            SeamAt(view, stream.Cuts[range.End.Value]))
        {
            Layer = parts[i].Layer,
            Half = parts[i].Half,
        });
        var kinds = CacheKinds.Tell(Renumbered([.. blocks]), model.Graph, new StateGrowth(segments, exact));
        var map = new BlockMap(model, kinds, stream.TokenInput, stream.TakesEmbeddings, stream.Sink);
        PortOrder.Refuse(map);
        return map;
    }

    private static List<Range> BlockRanges(StreamSegments segments, StructureHash structural)
    {
        var starts = AttentionSegments.Find(segments);
        if (starts.Count < 2) throw NoBlocks(starts.Count == 0 ? "no attention lies between its embeddings and its logits" : "only one attention layer lies on the way to its logits");
        var words = Enumerable.Range(0, segments.Count).Select(structural.Word).ToArray();
        var ranges = starts.Zip(starts.Skip(1), (a, b) => a..b).ToList();
        ranges.Add(starts[^1]..LastEnd(segments, words, ranges, starts[^1]));
        return ranges;
    }

    /// <summary>The last block ends where an earlier block of the same words ends, or after as many segments as every other block has.</summary>
    private static int LastEnd(StreamSegments segments, int[] words, List<Range> ranges, int last)
    {
        var lengths = ranges.Select(r => r.End.Value - r.Start.Value).Distinct().ToArray();
        var alike = ranges.Select(r => words[r]).Where(w => w.Length <= words.Length - last && w.SequenceEqual(words[last..(last + w.Length)])).MaxBy(w => w.Length);
        if (alike is not null) return last + alike.Length;
        if (lengths is [var length] && last + length <= words.Length && EndsLike(segments, ranges, last + length)) return last + length;
        // Layers that lost a half have other lengths: the last one goes on as long as others do behind their attention.
        var behind = ranges.SelectMany(r => words[(r.Start.Value + 1)..r.End.Value]).ToHashSet();
        var end = last + 1;
        while (end < words.Length && behind.Contains(words[end])) end++;
        return end > last + 1 && EndsLike(segments, ranges, end)
            ? end
            : throw NoBlocks("its last attention layer is unlike all others, so that its end is not known");
    }

    /// <summary>The cut is formed like those between blocks, and behind it no segment has several products as a layer has: only norm and head.</summary>
    private static bool EndsLike(StreamSegments segments, List<Range> ranges, int end)
    {
        var view = segments.Stream.View;
        string? Form(int cut) => view.Producer(segments.Stream.Cuts[cut]) switch
        {
            null => null,
            { Op: "Add" or "ResidualSum" } => "sum",
            var node => view.IsCall(node) ? "call" : node.Op,
        };
        return ranges.All(r => Form(r.End.Value) == Form(end))
            && Enumerable.Range(end, segments.Count - end).All(s => segments.Nodes(s).Count(n => Products.Contains(n.Op)) < 2);
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
            owner[node.Origin.Index] = segments.Of(node) is >= 0 and var s && node.Origin.OpType != "EmbedLayerNormalization" ? blocks[s] : -1;
        var nodes = Enumerable.Range(0, count).Select(_ => ImmutableArray.CreateBuilder<int>()).ToArray();
        for (var i = 0; i < owner.Length; i++)
        {
            if (owner[i] >= 0) nodes[owner[i]].Add(i);
        }

        return [.. nodes.Select(n => n.ToImmutable())];
    }

    private static int Word(StructureHash hash, Range range) =>
        hash.Intern("block(" + string.Join(',', Enumerable.Range(range.Start.Value, range.End.Value - range.Start.Value).Select(hash.Word)) + ")");

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

    private static RefusedException NoBlocks(string why) =>
        new("MKA011", "the graph", $"no repeated decoder block was found: {why}", "Give the decoder part of an exported LLM");
}
