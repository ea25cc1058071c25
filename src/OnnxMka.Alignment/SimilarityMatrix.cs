using OnnxMka.Numerics;

// Layers x layers: NPIB of every pair of embeddings, each unordered pair computed once, pairs spread over threads.
// A pair is computed by one thread from values that no thread changes, so the bits do not depend on their number.

namespace OnnxMka.Alignment;

/// <summary>Similarity of every pair of seams: symmetric, 1 on the diagonal, in [0, 1].</summary>
internal sealed class SimilarityMatrix
{
    private readonly NpibScore[] _scores; // lower triangle with diagonal: (0,0), (1,0), (1,1), (2,0), ...

    private SimilarityMatrix(int count, NpibScore[] scores)
    {
        Count = count;
        _scores = scores;
    }

    /// <summary>Seams.</summary>
    public int Count { get; }

    /// <summary>NPIB of seams i and j.</summary>
    public double this[int i, int j] => Score(i, j).Npib;

    /// <summary>NPIB of seams i and j with its ingredients; the left one is i.</summary>
    public NpibScore Score(int i, int j)
    {
        RequireSeam(i, nameof(i));
        RequireSeam(j, nameof(j));
        var score = _scores[Place(Math.Max(i, j), Math.Min(i, j))];
        return i >= j ? score : score with { EntropyLeft = score.EntropyRight, EntropyRight = score.EntropyLeft };
    }

    /// <summary>Scores all pairs. Time O(L^2 N^2 d).</summary>
    /// <param name="embeddings">One per seam, all of the same samples in the same order.</param>
    /// <param name="o">k and threads.</param>
    /// <param name="pairsDone">
    /// Told, from any thread and in any order, how many of the L (L + 1) / 2 pairs (a seam with itself included) are done.
    /// </param>
    /// <param name="ct">Stops between pairs.</param>
    /// <param name="kernels">Who counts neighbours; null for <see cref="CpuScoringKernels"/>.</param>
    /// <exception cref="DegenerateDataException">Too few samples, or a constant coordinate: the message names the embedding by its
    /// index.</exception>
    public static SimilarityMatrix Compute(
        IReadOnlyList<LayerEmbedding> embeddings,
        AlignmentOptions o,
        IProgress<int>? pairsDone = null,
        CancellationToken ct = default,
        IScoringKernels? kernels = null)
    {
        ArgumentNullException.ThrowIfNull(embeddings);
        ArgumentNullException.ThrowIfNull(o);
        if (embeddings.Count == 0)
            return new SimilarityMatrix(0, []);

        var samples = embeddings[0].Samples;
        o.RequireSamples(samples);
        var scaled = new ScaledCoordinates[embeddings.Count];
        for (var layer = 0; layer < scaled.Length; layer++)
        {
            if (embeddings[layer].Samples != samples)
            {
                throw new ArgumentException(
                    $"Embedding {layer} has {embeddings[layer].Samples} samples, embedding 0 has {samples}.", nameof(embeddings));
            }

            scaled[layer] = ScaledCoordinates.Of(embeddings[layer], $"embedding {layer}");
        }

        var estimator = new MutualInformation(samples, o.Neighbours);
        var counting = kernels ?? new CpuScoringKernels();
        var scores = new NpibScore[scaled.Length * (scaled.Length + 1) / 2];
        var done = 0;
        Parallel.For(0, scores.Length, RowBlocks.Threads(o.MaxThreads, ct), place =>
        {
            var row = Row(place);
            scores[place] = Npib.Score(scaled[row], scaled[place - Place(row, 0)], estimator, counting);
            pairsDone?.Report(Interlocked.Increment(ref done));
        });
        return new SimilarityMatrix(scaled.Length, scores);
    }

    private static int Place(int row, int column) => (row * (row + 1) / 2) + column;

    /// <summary>The row in which a place of the lower triangle lies.</summary>
    private static int Row(int place) => (int)((Math.Sqrt((8.0 * place) + 1) - 1) / 2);

    private void RequireSeam(int index, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count, name);
    }
}
