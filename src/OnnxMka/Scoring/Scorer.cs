using System.Collections.Immutable;
using OnnxMka.Alignment;
using OnnxMka.Planning;

namespace OnnxMka.Scoring;

/// <summary>Pooled activations to similarities: a diffusion map of each seam, then NPIB of every pair.</summary>
public static class Scorer
{
    /// <summary>Similarities with each seam's kernel width and spectrum. Refuses degenerate activations, naming the block.</summary>
    public static (SimilarityTable Npib, ImmutableArray<LayerEmbedding> Embeddings) Score(
        IReadOnlyList<SampleMatrix> seams, AlignmentOptions options, IScoringKernels kernels, IProgressSink progress, CancellationToken ct)
    {
        var embeddings = ImmutableArray.CreateBuilder<LayerEmbedding>(seams.Count);
        using (var stage = progress.Begin("diffusion maps", seams.Count, "seams"))
        {
            foreach (var seam in seams)
            {
                ct.ThrowIfCancellationRequested();
                embeddings.Add(Embed(seam, embeddings.Count, options, kernels));
                stage.Advance(1);
            }
        }

        using var pairs = progress.Begin("NPIB", seams.Count * (seams.Count + 1L) / 2, "pairs");
        try
        {
            var matrix = SimilarityMatrix.Compute(embeddings, options, pairs.AsTotal<int>(), ct, kernels);
            return (SimilarityTable.From(matrix), embeddings.MoveToImmutable());
        }
        catch (DegenerateDataException e)
        {
            throw Degenerate("the activations", e);
        }
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
        new("MKA037", where, e.Message.TrimEnd('.'), "Give other or more calibration text, or use --order tail with --alpha", e);
}
