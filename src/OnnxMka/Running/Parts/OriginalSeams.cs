using System.Collections.Immutable;
using OnnxMka.Running.Activations;
using OnnxMka.Running.Tokens;

namespace OnnxMka.Running.Parts;

/// <summary>Every seam of a model for every token of a set, from one pass: what selection compares and compensation aims at.</summary>
public sealed class OriginalSeams : IDisposable
{
    private readonly ImmutableArray<SeamActivations> _seams;

    private OriginalSeams(ImmutableArray<SeamActivations> seams) => _seams = seams;

    /// <summary>The samples that they are of.</summary>
    public CalibrationSet Set => _seams[0].Set;

    /// <summary>What block <paramref name="block"/> leaves; -1 is what block 0 reads.</summary>
    public SeamActivations this[int block] => _seams[block + 1];

    /// <summary>Samples that progress will have counted at the end.</summary>
    internal static long ProgressTotal(BlockChain chain, CalibrationSet set) => (chain.Map.Count + 1L) * set.Count;

    /// <summary>
    /// Runs prelude and blocks once. Refuses as the chain does, and activations that are not finite (MKA033): every score and every
    /// correction is made from these. Progress counts samples, once a part.
    /// </summary>
    internal static OriginalSeams Of(
        BlockChain chain, CalibrationSet set, IProgress<int>? progress = null, CancellationToken ct = default) =>
        Of(chain, [set], progress, ct)[0];

    /// <summary>The same of several sets, each block loaded once for all of them.</summary>
    internal static ImmutableArray<OriginalSeams> Of(
        BlockChain chain, ImmutableArray<CalibrationSet> sets, IProgress<int>? progress = null, CancellationToken ct = default)
    {
        var seams = sets.Select(_ => ImmutableArray.CreateBuilder<SeamActivations>(chain.Map.Count + 1)).ToArray();
        try
        {
            for (var i = 0; i < seams.Length; i++) Add(seams[i], chain.RunPrelude(sets[i], progress, ct), -1);
            for (var block = 0; block < chain.Map.Count; block++)
            {
                using var part = chain.Open(BlockPart.Of(chain.Map.Model, chain.Map, block), seams[0][^1], ct);
                foreach (var set in seams) Add(set, part.Run(set[^1], progress, ct), block);
            }

            return [.. seams.Select(s => new OriginalSeams(s.MoveToImmutable()))];
        }
        catch
        {
            foreach (var seam in seams.SelectMany(s => s)) seam.Dispose();
            throw;
        }

        static void Add(ImmutableArray<SeamActivations>.Builder seams, SeamActivations seam, int block)
        {
            seams.Add(seam);
            RequireFinite(seam, block);
        }
    }

    private static void RequireFinite(SeamActivations seam, int block)
    {
        var row = new float[seam.Set.Length * seam.Width];
        for (var sample = 0; sample < seam.Set.Count; sample++)
        {
            seam.ReadFloats(sample, row);
            FiniteActivations.Require(row, block, sample, row.Length);
        }
    }

    /// <summary>Frees all seams.</summary>
    public void Dispose()
    {
        foreach (var seam in _seams) seam.Dispose();
    }
}
