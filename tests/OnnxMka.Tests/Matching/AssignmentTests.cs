using OnnxMka.Matching;
using OnnxMka.Numerics;

namespace OnnxMka.Tests.Matching;

public sealed class AssignmentTests
{
    /// <summary>Against all permutations. Sums of at most six numbers below 1: equal to rounding, 1e-12.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(6)]
    public void The_sum_is_that_of_the_best_permutation(int n)
    {
        var random = new Random(n);
        for (var round = 0; round < 20; round++)
        {
            var scores = Enumerable.Range(0, n * n).Select(_ => random.NextDouble() - 0.5).ToArray();
            var chosen = Assignment.Largest(scores, n);
            Assert.Equal(Enumerable.Range(0, n), chosen.Order());
            Assert.Equal(Permutations(n).Max(p => Sum(scores, p)), Sum(scores, chosen), 12);
        }
    }

    [Fact]
    public void Heads_stay_with_their_group()
    {
        // Head 0 likes head 3 of the other group best, but its group is better off as a whole where it is.
        double[] scores = [0.5, 0.4, 0, 0.9, 0.4, 0.9, 0, 0, 0, 0, 0.9, 0, 0, 0, 0, 0.1];
        Assert.Equal([0, 1, 2, 3], BlockMatching.Assign(scores, 4, 2));
        Assert.Equal([3, 1, 2, 0], Assignment.Largest(scores, 4)); // the control: without groups
    }

    private static double Sum(double[] scores, int[] columns) =>
        columns.Select((column, row) => scores[(row * columns.Length) + column]).Sum();

    private static IEnumerable<int[]> Permutations(int n) => n == 0
        ? [[]]
        : Permutations(n - 1).SelectMany(
            p => Enumerable.Range(0, n).Select(place => p[..place].Append(n - 1).Concat(p[place..]).ToArray()));
}
