namespace OnnxMka.Alignment.Tests;

public sealed class LayerEmbeddingTests
{
    [Fact]
    public void HoldsWhatItWasGiven()
    {
        var embedding = new LayerEmbedding(2, 2, [1, 2, 3, 4], 7, [1, 0.5, 0.25], 1e-15);
        Assert.Equal([1, 2, 3, 4], embedding.Coordinates.AsEnumerable());
        Assert.Equal([1, 0.5, 0.25], embedding.Eigenvalues.AsEnumerable());
        Assert.Equal((2, 2, 7.0, 1e-15), (embedding.Samples, embedding.Dimension, embedding.Sigma, embedding.EigenResidual));
    }

    [Theory]
    [InlineData(2, 2, 3)]
    [InlineData(4, 1, 1)]
    [InlineData(0, 4, 5)]
    [InlineData(4, 0, 5)]
    public void AShapeThatIsNotThatOfTheValuesIsAnError(int samples, int dimension, int eigenvalues) =>
        Assert.ThrowsAny<ArgumentException>(
            () => new LayerEmbedding(samples, dimension, new double[samples == 2 ? 5 : 4], 1, new double[eigenvalues], 0));
}
