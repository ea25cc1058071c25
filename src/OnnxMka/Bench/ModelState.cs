using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using OnnxMka.Graph;
using OnnxMka.Rewriting;
using OnnxMka.Structure;

namespace OnnxMka.Bench;

/// <summary>A model between two steps. It never changes: a step gives another.</summary>
public sealed record ModelState
{
    internal ModelState(ReducedModel reduced, Lineage lineage, string key)
    {
        Reduced = reduced;
        Lineage = lineage;
        Key = key;
    }

    /// <summary>Where its units come from.</summary>
    public Lineage Lineage { get; internal init; }

    /// <summary>Equal for equal inputs and equal decided steps.</summary>
    public string Key { get; internal init; }

    /// <summary>Units, seams and ports.</summary>
    public BlockMap Structure => Reduced.Blocks;

    /// <summary>Names are those of the input.</summary>
    public OnnxModel Model => Reduced.Model;

    /// <summary>The model, its structure, and which weights hold mixes of the input's.</summary>
    internal ReducedModel Reduced { get; init; }

    /// <summary>Files with weights that steps computed; those of the states before it included.</summary>
    internal ImmutableArray<ScratchFile> Scratch { get; init; } = [];

    /// <summary>The model as it came.</summary>
    internal static ModelState Of(BlockMap map, string fingerprint) =>
        new(new ReducedModel(map.Model, [], map), Lineage.Of(fingerprint, map.Count, map.HalfNames), fingerprint);

    /// <summary>
    /// The same units after an edit of their weights or of nodes inside them. Values at the seams keep their names; where one is gone, or
    /// no longer carries the stream, an <see cref="ArgumentException"/> says so.
    /// </summary>
    /// <param name="model">What <see cref="Graph.Editing.GraphEditor"/> made of <see cref="Model"/>.</param>
    /// <param name="changed">Places of the units that are no longer as they were, from 0.</param>
    /// <param name="by">What changed them: the kind's name.</param>
    public ModelState With(OnnxModel model, IEnumerable<int> changed, string by)
    {
        var blocks = SeamHint.Between(model, StreamUnits.Of(Structure));
        return this with { Reduced = Reduced with { Model = blocks.Model, Blocks = blocks }, Lineage = Lineage.WithChanged(changed, by) };
    }

    /// <summary>Key of what a step makes of it.</summary>
    /// <param name="step">The decided step as text.</param>
    internal string KeyAfter(string step) => KeyAfter(Key, step);

    /// <summary>The same where the state was never made.</summary>
    internal static string KeyAfter(string key, string step) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{key}\n{step}")));
}
