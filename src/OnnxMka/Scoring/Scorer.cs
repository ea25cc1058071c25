using System.Collections.Immutable;
using System.Runtime.InteropServices;
using OnnxMka.Alignment;
using OnnxMka.Numerics;
using OnnxMka.Outcomes;
using OnnxMka.Planning;

namespace OnnxMka.Scoring;

/// <summary>Pooled activations to similarities: a diffusion map of each seam, then NPIB of every pair.</summary>
internal static class Scorer
{
    /// <summary>Samples up to which seams are embedded side by side, a thread each, so that N x N numbers a thread are little.</summary>
    private const int SmallSeam = 1024;

    /// <summary>Similarities with each seam's kernel width and spectrum. Refuses degenerate activations, naming the block.</summary>
    public static (SimilarityTable Npib, ImmutableArray<LayerEmbedding> Embeddings) Score(
        IReadOnlyList<SampleMatrix> seams, AlignmentOptions options, IScoringKernels kernels, IProgressSink progress, CancellationToken ct)
    {
        ImmutableArray<LayerEmbedding> embeddings;
        using (var stage = progress.Begin("diffusion maps", seams.Count, "seams"))
            embeddings = Embed(seams, options, kernels, stage, ct);

        using var pairs = progress.Begin("NPIB", seams.Count * (seams.Count + 1L) / 2, "pairs");
        try
        {
            var matrix = SimilarityMatrix.Compute(embeddings, options, pairs.AsTotal<int>(), ct, kernels);
            return (SimilarityTable.From(matrix), embeddings);
        }
        catch (DegenerateDataException e)
        {
            throw Degenerate("the activations", e);
        }
    }

    /// <summary>Every seam's embedding. The first seam in order that has none is the one refused, whichever thread finds it.</summary>
    private static ImmutableArray<LayerEmbedding> Embed(
        IReadOnlyList<SampleMatrix> seams, AlignmentOptions options, IScoringKernels kernels, IStage stage, CancellationToken ct)
    {
        var all = RowBlocks.Threads(options.MaxThreads, ct);
        var together = seams.Count >= all.MaxDegreeOfParallelism && seams.All(s => s.Samples <= SmallSeam);
        var inside = together ? options with { MaxThreads = 1 } : options;
        var embeddings = new LayerEmbedding[seams.Count];
        var refusals = new RefusedException?[seams.Count];
        Parallel.For(0, seams.Count, together ? all : RowBlocks.Threads(1, ct), (block, loop) =>
        {
            try
            {
                embeddings[block] = Embed(seams[block], block, inside, kernels);
                stage.Advance(1);
            }
            catch (RefusedException e)
            {
                refusals[block] = e;
                loop.Break(); // those before it still run
            }
        });
        if (Array.Find(refusals, r => r is not null) is { } first) throw first;
        return ImmutableCollectionsMarshal.AsImmutableArray(embeddings);
    }

    private static LayerEmbedding Embed(SampleMatrix seam, int block, AlignmentOptions options, IScoringKernels kernels)
    {
        try
        {
            return DiffusionMap.Embed(seam, options, kernels);
        }
        catch (DegenerateDataException e)
        {
            throw Degenerate($"block {block}", e);
        }
    }

    private static RefusedException Degenerate(string where, DegenerateDataException e) =>
        new(
            "MKA037",
            where,
            e.Message.TrimEnd('.'),
            "Give other or more calibration text or activations; --order tail with --alpha needs none",
            e);
}
