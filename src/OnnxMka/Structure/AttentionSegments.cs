using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>Finds the segments that hold a block's attention (or other state): each one starts a block.</summary>
internal static class AttentionSegments
{
    /// <summary>
    /// Segment numbers, ascending. A layer may have several attentions side by side: one a head, or attention and recurrence. Refuses a
    /// segment where one attention reads what another gave: a value other than the stream joins those layers.
    /// </summary>
    public static List<int> Find(StreamSegments segments)
    {
        var count = new int[segments.Count];
        foreach (var node in segments.Stream.View.Nodes.Where(n => IsAttention(segments, n)))
        {
            if (segments.Of(node) is >= 0 and var segment) count[segment]++;
        }

        var starts = Starts(segments, count);
        foreach (var segment in starts.Where(s => count[s] > 1))
        {
            if (InARow(segments, segment) is { } later) throw Crossing(segments, segment, later);
        }

        return starts;
    }

    /// <summary>Refuses attention that belongs to no block: a layer whose cache was not recognised, or one unlike all others.</summary>
    /// <param name="blocks">Ranges of segments, each beginning where the one before it ends.</param>
    public static void RefuseOutside(StreamSegments segments, IReadOnlyList<Range> blocks)
    {
        if (Outside(segments, blocks) is { } stray)
        {
            throw new RefusedException(
                "MKA011",
                stray.Origin.Label,
                "this attention is in none of the repeated blocks that were found",
                "Give an exported decoder LLM whose layers have caches alike");
        }
    }

    /// <summary>Attention that belongs to no block; null where all of it does.</summary>
    public static ViewNode? Outside(StreamSegments segments, IReadOnlyList<Range> blocks)
    {
        var (first, end) = (blocks[0].Start.Value, blocks[^1].End.Value);
        return segments.Stream.View.Nodes
            .FirstOrDefault(n => segments.Of(n) is >= 0 and var s && (s < first || s >= end) && IsAttention(segments, n));
    }

    /// <summary>Caches that are fed tell best; without them attention does, and where nothing attends, states that come out.</summary>
    private static List<int> Starts(StreamSegments segments, int[] attentions)
    {
        var states = (segments.KvInputs.Count > 0 ? segments.KvInputs : segments.KvOutputs).Select(k => k.Segment).ToHashSet();
        var byState = segments.KvInputs.Count > 0 || attentions.All(a => a == 0);
        return [.. Enumerable.Range(0, segments.Count).Where(s => byState ? states.Contains(s) : attentions[s] > 0)];
    }

    /// <summary>
    /// A fused operator, or a Softmax over a product of two activations (a router's Softmax is over activations times weights).
    /// </summary>
    public static bool IsAttention(StreamSegments segments, ViewNode node)
    {
        if (segments.Stream.View.IsCall(node))
            return segments.Stream.View.Operators(node).Any(o => o == "Softmax" || MixerOperators.IsAttention(o));
        if (MixerOperators.IsAttention(node.Op)) return true;
        return node.Op == "Softmax" && ScoreFactors(segments.Stream, node) >= 2;
    }

    /// <summary>A Softmax over a product of activations and weights: it says which expert a token goes to.</summary>
    public static bool IsRouter(ResidualStream stream, ViewNode node) => node.Op == "Softmax" && ScoreFactors(stream, node) == 1;

    /// <summary>How many activations are multiplied to make the scores of a Softmax; 0 where no product is near.</summary>
    private static int ScoreFactors(ResidualStream stream, ViewNode softmax)
    {
        var value = softmax.Inputs[0];
        for (var steps = 0; steps < 12 && stream.View.Producer(value) is { } producer; steps++)
        {
            if (Products.Contains(producer.Op)) return Products.Factors(producer).Count(stream.Dependent.Contains);
            var activations = producer.Inputs.Where(stream.Dependent.Contains).ToArray();
            if (activations.Length == 0) return 0;
            value = activations[0];
        }

        return 0;
    }

    /// <summary>An attention of a segment that depends on another one there; null where all stand side by side.</summary>
    private static ViewNode? InARow(StreamSegments segments, int segment)
    {
        var behind = new HashSet<string>(StringComparer.Ordinal);
        foreach (var node in segments.Nodes(segment).Where(n => !ResidualStream.ReadsOnlyShape(n)))
        {
            var follows = node.Reads.Any(behind.Contains);
            var attends = IsAttention(segments, node);
            if (follows && attends) return node;
            if (follows || attends) behind.UnionWith(node.Outputs.Where(o => o.Length > 0));
        }

        return null;
    }

    private static RefusedException Crossing(StreamSegments segments, int segment, ViewNode later)
    {
        var values = segments.Nodes(segment)
            .SelectMany(n => n.Outputs.Select(o => (Value: o, n.Position)))
            .Where(v => segments.Stream.Dependent.Contains(v.Value))
            .ToArray();
        var crossing = values.MaxBy(
            v => segments.Stream.View.Readers(v.Value).Select(r => r.Node.Position).DefaultIfEmpty(v.Position).Max() - v.Position);
        return new RefusedException(
            "MKA012", crossing.Value,
            $"this value passes beside the residual stream, so that nothing parts {later.Origin.Label} from the attention before it",
            "Layers that share values (KV sharing, deepstack) cannot be removed one by one; this model is not supported");
    }
}
