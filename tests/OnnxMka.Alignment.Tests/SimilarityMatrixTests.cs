namespace OnnxMka.Alignment.Tests;

public sealed class SimilarityMatrixTests
{
    private static readonly AlignmentOptions Defaults = new();

    [Fact]
    public void EveryEntryIsTheScoreOfItsPair()
    {
        var embeddings = Embeddings(4);
        var similarity = SimilarityMatrix.Compute(embeddings, Defaults);
        Assert.Equal(4, similarity.Count);
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(1, similarity[i, i]);
            for (var j = 0; j < 4; j++)
            {
                Assert.Equal(Npib.Score(embeddings[i], embeddings[j], Defaults), similarity.Score(i, j));
                Assert.Equal(similarity[i, j], similarity[j, i]);
            }
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(7)]
    public void TheBitsAreTheSameOnAnyNumberOfThreads(int threads)
    {
        var embeddings = Embeddings(6);
        var one = SimilarityMatrix.Compute(embeddings, Defaults with { MaxThreads = 1 });
        var many = SimilarityMatrix.Compute(embeddings, Defaults with { MaxThreads = threads });
        for (var i = 0; i < 6; i++)
        {
            for (var j = 0; j < 6; j++)
                Assert.Equal(one.Score(i, j), many.Score(i, j));
        }
    }

    [Fact]
    public void SeamsFurtherApartAreLessSimilar()
    {
        var similarity = SimilarityMatrix.Compute(Embeddings(8), Defaults);
        Assert.True(similarity[0, 1] > similarity[0, 4]);
        Assert.True(similarity[0, 4] > similarity[0, 7]);
    }

    [Fact]
    public void ProgressCountsEveryPairOnce()
    {
        var progress = new Recorder();
        SimilarityMatrix.Compute(Embeddings(4), Defaults, progress);
        Assert.Equal(Enumerable.Range(1, 10), progress.Seen.Order());
    }

    [Fact]
    public void CancellationStopsIt()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => SimilarityMatrix.Compute(Embeddings(3), Defaults, ct: source.Token));
    }

    [Fact]
    public void NoSeamsGiveAnEmptyMatrix() => Assert.Equal(0, SimilarityMatrix.Compute([], Defaults).Count);

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(0, 3)]
    public void ASeamOutsideIsAnError(int i, int j) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => SimilarityMatrix.Compute(Embeddings(3), Defaults)[i, j]);

    [Fact]
    public void SeamsOfDifferentSamplesAreAnError()
    {
        var shorter = DiffusionMap.Embed(SyntheticSeams.Seam(50, 24, 1), Defaults);
        Assert.Throws<ArgumentException>(() => SimilarityMatrix.Compute([.. Embeddings(1), shorter], Defaults));
    }

    private static LayerEmbedding[] Embeddings(int layers) =>
        [.. SyntheticSeams.Stack(layers, 100, 24, seed: 31).Select(seam => DiffusionMap.Embed(seam, Defaults))];

    private sealed class Recorder : IProgress<int>
    {
        private readonly List<int> _seen = [];

        public IReadOnlyList<int> Seen => _seen;

        public void Report(int value)
        {
            lock (_seen)
                _seen.Add(value);
        }
    }
}
