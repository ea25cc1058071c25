using System.Collections.Immutable;
using OnnxMka.Bench;
using OnnxMka.Outcomes;
using Forms = System.Collections.Immutable.ImmutableSortedDictionary<
    string, System.Collections.Immutable.ImmutableSortedDictionary<string, int>>;

namespace OnnxMka.Steps.Cutting;

/// <summary>What may be taken from a block.</summary>
public enum CutPart
{
    /// <summary>Whole layers.</summary>
    Blocks,

    /// <summary>The attention or the MLP of a layer.</summary>
    Halves,

    /// <summary>Neurons of an MLP.</summary>
    Widths,

    /// <summary>Ranks of the matrices: two narrow ones in place of one.</summary>
    Ranks,
}

/// <summary>
/// Takes a share of the blocks' parameters where it is missed least: widths of MLPs, ranks of matrices, halves and layers are priced in one
/// unit, the share of the stream's energy behind the layer that a cut puts wrong, and the cheapest set is taken. Then the blocks are cut in
/// order, on the stream that the cut prefix gives, and fitted anew to the original seams. Decided where <see cref="Units"/> says what each
/// unit becomes; what goes whole is a step of its own before it.
/// </summary>
public sealed record Cut : Step
{
    /// <summary>Share of the parameters of the blocks' matrices that goes, 0 up to but not 1.</summary>
    [Bounds(0, Most = 1, BelowMost = true)]
    public double? Ratio { get; init; }

    /// <summary>What may be taken.</summary>
    public ImmutableArray<CutPart> Allow { get; init; } = [.. Enum.GetValues<CutPart>()];

    /// <summary>All MLPs have the same width, as configurations can say it.</summary>
    public bool Uniform { get; init; }

    /// <summary>
    /// What units become: <c>3.mlp: { width: 240 }</c>, <c>3.attention: { self_attn/q_proj: 64 }</c> (a rank). Units and matrices that are
    /// not named stay as they are.
    /// </summary>
    public Forms Units { get; init; } = Forms.Empty;

    /// <summary>
    /// Gate, up and down projection of a narrower MLP are fitted together once the down projection was (Gauss-Newton); else that alone.
    /// </summary>
    public bool FitMlp { get; init; } = true;

    /// <summary>How much calibration text it is priced with and fitted to.</summary>
    public TextAmount Text { get; init; }

    internal bool IsDecided => Ratio is null;

    /// <summary>What its options lack; null for nothing.</summary>
    internal string? Flaw => Ratio is null == Units.IsEmpty ? "it wants one of ratio and units"
        : Allow.IsDefaultOrEmpty ? "it allows nothing"
        : null;

    /// <summary>By value, lists included.</summary>
    public bool Equals(Cut? other) =>
        base.Equals(other)
        && (Ratio, Uniform, FitMlp, Text) == (other.Ratio, other.Uniform, other.FitMlp, other.Text)
        && Allow.SequenceEqual(other.Allow)
        && Flat(Units).SequenceEqual(Flat(other.Units));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Ratio, FitMlp, Text, Units.Count);

    private static IEnumerable<(string Unit, string Site, int Size)> Flat(Forms units) =>
        units.SelectMany(u => u.Value.Select(s => (u.Key, s.Key, s.Value)));
}
