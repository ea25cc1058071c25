namespace OnnxMka.Structure;

/// <summary>
/// Tells the operators of a block's attention from those of its MLP:
/// <code>
/// sequential   x -> [norm, attention, +] -> cut -> [norm, MLP, +]     all of a segment with attention is attention, the others are MLP
/// parallel     x -> norm -> attention -> +                            one segment: what leads to the attention or follows from it, up to
///                     \---> MLP --------/                              the sum, is attention; what does neither is MLP
/// post-norm    x -> [attention, +] -> cut -> [norm] -> cut -> [MLP]   a norm alone behind the attention is attention's
/// </code>
/// A layer that is one call of a function has one half only.
/// </summary>
internal sealed class Sublayers
{
    private static readonly HashSet<string> NormOperators = new(StringComparer.Ordinal)
    {
        "LayerNorm", "RmsNorm", "Add", "Sub", "Mul", "Div", "Pow", "Sqrt", "Reciprocal", "ReduceMean", "Cast", "Identity", "Constant",
    };

    private readonly StreamSegments _segments;
    private readonly HashSet<int> _attention = [];

    /// <param name="blocks">Each begins with the segment that has its attention.</param>
    public Sublayers(StreamSegments segments, IEnumerable<Range> blocks)
    {
        _segments = segments;
        foreach (var segment in blocks.Select(b => b.Start.Value))
        {
            Mark([.. segments.Nodes(segment)], segment);
            for (var next = segment + 1; next < segments.Count && segments.Nodes(next).All(n => NormOperators.Contains(n.Op)); next++)
                _attention.UnionWith(segments.Nodes(next).Select(n => n.Position));
        }
    }

    public Sublayer Of(ViewNode reader) => _attention.Contains(reader.Position) ? Sublayer.Attention : Sublayer.Mlp;

    private void Mark(ViewNode[] nodes, int segment)
    {
        var ports = _segments.KvOutputsOf(segment).ToHashSet(StringComparer.Ordinal);
        var cores = nodes.Where(n => AttentionSegments.IsAttention(_segments, n)).ToArray();
        // States without attention (convolution, recurrence): what writes the state.
        if (cores.Length == 0) cores = [.. nodes.Where(n => n.Outputs.Any(ports.Contains))];
        cores = [.. cores, .. cores.Where(n => n.Op == "Softmax").Select(n => Values(nodes, n)).OfType<ViewNode>()];
        var (after, before) = (Names(cores.SelectMany(n => n.Outputs)), Names(cores.SelectMany(n => n.Inputs).Concat(ports)));
        _attention.UnionWith(cores.Select(n => n.Position));
        foreach (var node in nodes.Where(n => n.Reads.Any(after.Contains)))
        {
            after.UnionWith(Names(node.Outputs));
            _attention.Add(node.Position);
        }

        foreach (var node in Enumerable.Reverse(nodes).Where(n => n.Outputs.Any(before.Contains)))
        {
            before.UnionWith(Names(node.Reads));
            _attention.Add(node.Position);
        }
    }

    /// <summary>Where a Softmax meets the values, which without a cache are neither before nor behind it.</summary>
    private ViewNode? Values(ViewNode[] nodes, ViewNode softmax)
    {
        var behind = Names(softmax.Outputs);
        foreach (var node in nodes.Where(n => n.Reads.Any(behind.Contains)))
        {
            if (node.Reads.Count(_segments.Stream.Dependent.Contains) > 1) return node;
            behind.UnionWith(Names(node.Outputs));
        }

        return null;
    }

    private static HashSet<string> Names(IEnumerable<string> values) => values.Where(v => v.Length > 0).ToHashSet(StringComparer.Ordinal);
}
