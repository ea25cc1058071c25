namespace OnnxMka.Structure;

/// <summary>What can be removed on its own.</summary>
public enum Granularity
{
    /// <summary>A decoder layer.</summary>
    Block,

    /// <summary>The attention or the MLP of a layer, where the stream passes between them.</summary>
    Sublayer,
}

/// <summary>
/// Cuts blocks where a segment adds to the stream what it computed from it:
/// <code>
/// block        x -> y = x + attention(x) -> z = y + mlp(y)
/// halves       x -> y                       y -> z
/// </code>
/// A segment that adds nothing (the norm of a post-norm layer, a bias) stays with the half before it. A parallel block,
/// <c>x + attention(x) + mlp(x)</c>, adds once and has no halves.
/// </summary>
internal static class Halves
{
    public const string Attention = "attention";
    public const string Mlp = "mlp";

    /// <summary>Each half with its layer. A block without an inner seam stays whole; refused where all are (MKA062).</summary>
    public static List<UnitRange> Of(StreamSegments segments, IReadOnlyList<Range> blocks)
    {
        var halves = WherePossible(segments, blocks);
        if (halves.Count > blocks.Count) return halves;
        var end = segments.Stream.Cuts[blocks[0].End.Value];
        throw new RefusedException(
            "MKA062",
            end,
            "the stream does not pass between attention and MLP: both are added to it together (parallel blocks), or a layer is one local "
                + "function",
            "Use --granularity block");
    }

    /// <summary>Each half with its layer; layers without an inner seam stay whole.</summary>
    public static List<UnitRange> WherePossible(StreamSegments segments, IReadOnlyList<Range> blocks) =>
        [.. blocks.SelectMany((block, layer) => Split(segments, block, layer))];

    /// <summary>The halves of one layer; the layer itself where it has none.</summary>
    public static IEnumerable<UnitRange> Split(StreamSegments segments, Range block, int layer)
    {
        var (first, end) = (block.Start.Value, block.End.Value);
        var starts = Enumerable.Range(first, end - first).Where(s => Adds(segments, s)).ToArray();
        if (starts.Length < 2 || starts[0] != first) return [new UnitRange(block, new StreamUnit(layer, null))];
        int[] ends = [.. starts.Skip(1), end];
        return starts.Select((start, i) => new UnitRange(start..ends[i], new StreamUnit(layer, NameOf(i))));
    }

    /// <summary>Name of a half by its place in the layer.</summary>
    public static string NameOf(int place) => place switch { 0 => Attention, 1 => Mlp, _ => $"{Mlp}{place}" };

    /// <summary>True where the segment's end is a sum of its start and of something that depends on it.</summary>
    public static bool Adds(StreamSegments segments, int segment)
    {
        var (start, terms) = (segments.Stream.Cuts[segment], ResidualJoin.Terms(segments, segment));
        return terms.Contains(start, StringComparer.Ordinal) && terms.Any(t => t != start && segments.Stream.Dependent.Contains(t));
    }
}
