using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>
/// Finds values that enter the blocks beside the stream and are not the same for all of them: per-layer embeddings, image features
/// added after the first layers. Masks, positions and rotary tables enter every block alike and are no obstacle.
/// </summary>
internal static class SideInputs
{
    /// <summary>Refuses a model whose blocks read different parts of such a value: a removed block would shift or orphan them.</summary>
    public static void Refuse(StreamSegments segments, StructureHash exact, IReadOnlyList<Range> blocks)
    {
        foreach (var origin in Origins(segments))
        {
            var reached = Reached(segments, origin);
            RefuseEncoderStates(segments, origin, blocks.Count);
            var reads = blocks.Select(b => Reads(segments, exact, reached, b)).ToArray();
            if (reads.Skip(1).All(r => r.SetEquals(reads[0]))) continue;
            throw new RefusedException(
                "MKA012",
                origin,
                "it enters the decoder layers beside the residual stream, and not all layers alike",
                "Models with per-layer inputs or deepstack features are not supported");
        }
    }

    /// <summary>
    /// Refuses states that every layer multiplies by weights of its own: keys and values of cross attention. A projector shared by all is
    /// none.
    /// </summary>
    private static void RefuseEncoderStates(StreamSegments segments, string origin, int blocks)
    {
        var states = new HashSet<string>(StringComparer.Ordinal) { origin };
        var projections = new List<ViewNode>();
        foreach (var node in segments.Stream.View.Nodes.Where(n => !ResidualStream.ReadsOnlyShape(n) && n.Reads.Any(states.Contains)))
        {
            if (node.Outputs.Any(segments.Stream.Dependent.Contains)) continue;
            if (Products.Contains(node.Op) && !node.Inputs.All(states.Contains)) projections.Add(node);
            else states.UnionWith(node.Outputs.Where(o => o.Length > 0));
        }

        // Self and cross attention may each have been taken for a block.
        if (projections.Count > 1 && 2 * projections.Count >= blocks)
        {
            throw new RefusedException(
                "MKA014",
                origin,
                $"every layer projects it anew ({projections[0].Origin.Label}), so this is the decoder of an encoder-decoder model",
                "Only decoder-only LLMs are supported");
        }
    }

    /// <summary>Float inputs that are no cache, and embedding look-ups other than the stream's own.</summary>
    private static IEnumerable<string> Origins(StreamSegments segments)
    {
        var stream = segments.Stream;
        var caches = segments.KvInputs.Select(k => k.Port).ToHashSet(StringComparer.Ordinal);
        var ports = stream.View.Index.Graph.FedInputs
            .Where(i => i.Type.IsMergeable() && i.Name != stream.TokenInput && !caches.Contains(i.Name))
            .Select(i => i.Name);
        var lookups = stream.View.Nodes
            .Where(n => n.Op is "Gather" or "com.microsoft.GatherBlockQuantized" && n.Outputs[0] != stream.Source)
            .Where(
                n => n.Inputs[1] == stream.TokenInput
                    && stream.View.Index.Graph.Initializers.TryGetValue(n.Inputs[0], out var table)
                    && table.Shape.Length == 2)
            .Select(n => n.Outputs[0]);
        return ports.Concat(lookups);
    }

    private static HashSet<string> Reached(StreamSegments segments, string origin)
    {
        var reached = new HashSet<string>(StringComparer.Ordinal) { origin };
        foreach (var node in segments.Stream.View.Nodes.Where(n => !ResidualStream.ReadsOnlyShape(n) && n.Reads.Any(reached.Contains)))
        {
            if (!node.Outputs.Any(segments.Stream.Dependent.Contains)) reached.UnionWith(node.Outputs.Where(o => o.Length > 0));
        }

        return reached;
    }

    private static HashSet<int> Reads(StreamSegments segments, StructureHash exact, HashSet<string> reached, Range block) =>
        Enumerable.Range(block.Start.Value, block.End.Value - block.Start.Value)
            .SelectMany(segments.Nodes)
            .Where(n => n.Outputs.Any(segments.Stream.Dependent.Contains))
            .SelectMany(n => n.Reads.Where(reached.Contains))
            .Select(exact.Of)
            .ToHashSet();
}
