using OnnxMka.Graph;

namespace OnnxMka.Structure;

/// <summary>The sum that ends a segment: what the stream takes on there.</summary>
internal static class ResidualJoin
{
    /// <summary>
    /// Terms of the sum, beyond nested sums, casts and biases of fused norms; the segment's end itself where it is no sum.
    /// </summary>
    public static List<string> Terms(StreamSegments segments, int segment)
    {
        var (start, end) = (segments.Stream.Cuts[segment], segments.Stream.Cuts[segment + 1]);
        var terms = new List<string>();
        var pending = new Stack<string>([end]);
        while (pending.TryPop(out var value))
        {
            if (value != start
                && segments.Stream.View.Producer(value) is { Op: "Add" or "ResidualSum" or "Cast" or "Identity" } sum
                && segments.Of(sum) == segment)
            {
                foreach (var term in sum.Inputs) pending.Push(term);
            }
            else
            {
                terms.Add(value);
            }
        }

        return terms;
    }

    /// <summary>
    /// Learned scalars of the joins, <c>x + a f(x)</c>: stored tensors of one element that a term is multiplied by. Each layer has
    /// its own, as it has its own weights; other scalars (epsilons, scales of scores) are constants of the architecture.
    /// </summary>
    public static IEnumerable<string> Scales(StreamSegments segments)
    {
        var (stream, graph) = (segments.Stream, segments.Stream.View.Index.Graph);
        return Enumerable.Range(0, segments.Count).SelectMany(s => Terms(segments, s))
            .Where(stream.Dependent.Contains)
            .Select(stream.View.Producer)
            .Where(n => n is { Op: "Mul" })
            .SelectMany(n => n!.Inputs)
            .Where(v => graph.Initializers.TryGetValue(v, out var tensor) && tensor.ElementCount == 1 && tensor.Type.IsMergeable());
    }
}
