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
/// What lies between seams that are known is described by <see cref="Between"/>, with the same code.
/// Names decide nothing.
/// </summary>
public static class BlockDetector
{
    /// <summary>
    /// Refuses a graph that is no decoder, has no repeated block, or lets other values than the stream pass between blocks. Blocks that the
    /// model's own metadata tells (<see cref="SeamHint"/>) are taken where they check out; else they are found.
    /// </summary>
    /// <param name="model">As it was loaded; no weights are read.</param>
    /// <param name="granularity">
    /// Halves of layers come as blocks of their own, each with its layer; refused where no layer has halves.
    /// </param>
    public static BlockMap Detect(OnnxModel model, Granularity granularity = Granularity.Block) => Detect(
        model,
        (segments, layers) => granularity == Granularity.Block
            ? [.. layers.Select((range, layer) => new UnitRange(range, new StreamUnit(layer, null)))]
            : Halves.Of(segments, layers),
        granularity != Granularity.Block);

    /// <summary>The same in the smallest units that there are: halves of the layers that have them, whole layers else.</summary>
    internal static BlockMap DetectFinest(OnnxModel model) => Detect(model, Halves.WherePossible, true);

    /// <param name="split">Units of the layers that were found.</param>
    /// <param name="byHalves">Halves that the model's metadata tells are taken as they are.</param>
    private static BlockMap Detect(OnnxModel model, Func<StreamSegments, List<Range>, List<UnitRange>> split, bool byHalves)
    {
        UnsupportedGraphs.Refuse(model);
        FunctionCalls.Refuse(model);
        OperatorForms.Refuse(model);
        var view = NormalisedView.Of(model);
        if (SeamHint.Read(model) is { } told)
        {
            using var hinted = new StreamReading(view, told.Seams);
            StackedCaches.Refuse(hinted.Segments);
            if (SeamHint.Ranges(told, hinted) is { } units) return Detected(model, hinted, UnitRange.Layers(units), units, split, byHalves);
        }

        using var reading = new StreamReading(view, []);
        StackedCaches.Refuse(reading.Segments);
        return Detected(model, reading, Layers(reading), null, split, byHalves);
    }

    /// <summary>
    /// Describes the units of a stream whose seams are known: a model that this library edited has them from the one it was made of.
    /// </summary>
    /// <exception cref="ArgumentException">A seam is no cut of the stream, or not behind the one before it.</exception>
    internal static BlockMap Between(OnnxModel model, StreamUnits units)
    {
        using var reading = new StreamReading(NormalisedView.Of(model), units.Seams);
        return BlockDescription.Of(model, reading, reading.RangesOrThrow(units));
    }

    /// <summary>The same model with whole layers as its blocks.</summary>
    internal static BlockMap WithoutHalves(BlockMap map) => map.HalfNames is null ? map : Between(map.Model, StreamUnits.Of(map).Layers());

    /// <summary>Layers by structure alone, as ranges of segments. Refuses where none is repeated (MKA011).</summary>
    internal static List<Range> Layers(StreamReading reading) => BlockRanges(reading.Segments, reading.Structural);

    private static BlockMap Detected(
        OnnxModel model,
        StreamReading reading,
        List<Range> layers,
        List<UnitRange>? told,
        Func<StreamSegments, List<Range>, List<UnitRange>> split,
        bool byHalves)
    {
        AttentionSegments.RefuseOutside(reading.Segments, layers);
        SideInputs.Refuse(reading.Segments, reading.Exact, layers);
        var isToldByHalves = told?.Any(u => u.Unit.Half is not null) == true;
        var units = byHalves && isToldByHalves ? told! : split(reading.Segments, layers);
        var map = BlockDescription.Of(model, reading, units);
        PortOrder.Refuse(map);
        return map;
    }

    private static List<Range> BlockRanges(StreamSegments segments, StructureHash structural)
    {
        var starts = AttentionSegments.Find(segments);
        if (starts.Count < 2)
        {
            throw NoBlocks(
                starts.Count == 0
                    ? "no attention lies between its embeddings and its logits"
                    : "only one attention layer lies on the way to its logits");
        }

        var words = Enumerable.Range(0, segments.Count).Select(structural.Word).ToArray();
        var ranges = starts.Zip(starts.Skip(1), (a, b) => a..b).ToList();
        ranges.Add(starts[^1]..LastEnd(segments, words, ranges, starts[^1]));
        return ranges;
    }

    /// <summary>
    /// The last block ends where an earlier block of the same words ends, or after as many segments as every other block has.
    /// </summary>
    private static int LastEnd(StreamSegments segments, int[] words, List<Range> ranges, int last)
    {
        var lengths = ranges.Select(r => r.End.Value - r.Start.Value).Distinct().ToArray();
        var alike = ranges.Select(r => words[r])
            .Where(w => w.Length <= words.Length - last && w.SequenceEqual(words[last..(last + w.Length)]))
            .MaxBy(w => w.Length);
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

    /// <summary>
    /// The cut is formed like those between blocks, and behind it no segment has several products as a layer has: only norm and head.
    /// </summary>
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
            && IsHead(segments, end);
    }

    /// <summary>No segment from there on has several products, as a layer has.</summary>
    internal static bool IsHead(StreamSegments segments, int start) =>
        Enumerable.Range(start, segments.Count - start).All(s => segments.Nodes(s).Count(n => Products.Contains(n.Op)) < 2);

    private static RefusedException NoBlocks(string why) =>
        new("MKA011", "the graph", $"no repeated decoder block was found: {why}", "Give the decoder part of an exported LLM");
}
