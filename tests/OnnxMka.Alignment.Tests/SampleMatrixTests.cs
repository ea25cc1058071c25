namespace OnnxMka.Alignment.Tests;

public sealed class SampleMatrixTests
{
    [Fact]
    public void RowsFollowOneAnother()
    {
        var x = new SampleMatrix(2, 3, [1, 2, 3, 4, 5, 6]);
        Assert.Equal([4f, 5f, 6f], x.Row(1).ToArray());
        Assert.Equal((2, 3, 6), (x.Samples, x.Features, x.Values.Length));
    }

    [Fact]
    public void TheLargestFiniteValuesAreAccepted() => Assert.Equal(1, new SampleMatrix(1, 2, [float.MaxValue, float.MinValue]).Samples);

    [Theory]
    [InlineData(0, 3)]
    [InlineData(2, 0)]
    [InlineData(2, 2)]
    public void AShapeThatIsNotThatOfTheValuesIsAnError(int samples, int features) =>
        Assert.ThrowsAny<ArgumentException>(() => new SampleMatrix(samples, features, new float[6]));

    [Theory]
    [InlineData(-1)]
    [InlineData(2)]
    public void ARowOutsideIsAnError(int row) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new SampleMatrix(2, 3, new float[6]).Row(row).Length);
}
