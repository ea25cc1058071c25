namespace OnnxMka.Structure;

/// <summary>
/// Recognises exports that hold the caches of all layers in one tensor, <c>[layers, ...]</c>, sliced and stacked by the graph.
/// </summary>
internal static class StackedCaches
{
    /// <summary>Refuses an output that is put together from the inside of several layers.</summary>
    public static void Refuse(StreamSegments segments)
    {
        foreach (var port in segments.Stream.View.Index.Graph.Outputs.Where(o => o.Name != segments.Stream.Sink))
        {
            if (Sources(segments, port.Name).Distinct().Take(2).Count() < 2) continue;
            throw new RefusedException(
                "MKA017", port.Name,
                "values from inside several layers are joined in this one output: stacked caches, router logits or the like",
                "Export the model with cache ports for each layer (past_key_values.0.key, ...), and without other values of its layers");
        }
    }

    /// <summary>Segments of the parts that are joined; states that pass the cuts themselves (stacked hidden states) do not count.</summary>
    private static IEnumerable<int> Sources(StreamSegments segments, string value)
    {
        var pending = new Stack<string>([value]);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (pending.TryPop(out var next))
        {
            if (!segments.Stream.Dependent.Contains(next)
                || segments.IsCut(next)
                || !seen.Add(next)
                || segments.Stream.View.Producer(next) is not { } node)
                continue;
            if (node.Op is "Concat"
                or "Unsqueeze"
                or "Reshape"
                or "Identity"
                or "Cast"
                or "Transpose"
                or "SequenceConstruct"
                or "ConcatFromSequence")
            {
                foreach (var input in node.Inputs) pending.Push(input);
            }
            else if (segments.Of(node) is >= 0 and var segment)
            {
                yield return segment;
            }
        }
    }
}
