namespace OnnxMka.Numerics.Tests;

/// <summary>Every routine gives the same bits on 1, 2, 3 and 7 threads, of sizes that no block divides.</summary>
public sealed class ThreadsTests
{
    private const int N = 601;
    private const int M = 67;

    private static readonly double[] Matrix = Values.Definite(N);
    private static readonly double[] Sides = Values.Of(M * N, 3);

    public static TheoryData<string> Routines => [.. All.Keys];

    private static readonly Dictionary<string, Func<double[]>> All = new()
    {
        ["product"] = () => Dense.Multiply(Sides, Matrix, M, N, N),
        ["product in float32"] = () => Doubles(Dense.Multiply(Floats(Sides), Floats(Matrix), M, N, N)),
        ["Gram"] = () => Dense.Gram(Sides, M, N),
        ["Gram of float32"] = () => Dense.Gram(Floats(Sides), M, N),
        ["solve"] = () =>
        {
            double[] sides = [.. Sides];
            Factor().Solve(sides);
            return sides;
        },
        ["solve in float32"] = () =>
        {
            var sides = Floats(Sides);
            Factor().Forward(sides);
            return Doubles(sides);
        },
        ["ridge"] = () => new RidgeSolver([.. Matrix], N).Solve(Sides, 0.01)!,
        ["inverse diagonal"] = () => Factor().InverseDiagonal(),
        ["orthonormal columns"] = () =>
        {
            double[] columns = [.. Sides];
            Orthonormal.Make(columns, N, M);
            return columns;
        },
        ["leading subspace"] = () => LeadingSubspace.Of(Semidefinite.Of(Matrix, N), M),
        ["leading subspace of W'GW"] = () => LeadingSubspace.Of(Semidefinite.Between(Dense.Transpose(Sides, M, N), Matrix, N, M), 9),
        ["error feedback"] = () => ErrorFeedback.Round(Dense.Transpose(Sides, M, N), [.. Matrix], N, M, (_, row) =>
        {
            for (var c = 0; c < row.Length; c++) row[c] = Math.Round(row[c] * 8) / 8;
        })!,
    };

    [Theory]
    [MemberData(nameof(Routines))]
    public void Bits_do_not_depend_on_threads(string routine)
    {
        var alone = On(1);
        foreach (var threads in new[] { 2, 3, 7 }) Assert.Equal(alone, On(threads));

        double[] On(int threads)
        {
            double[] result = [];
            RowBlocks.Within(threads, () => result = All[routine]());
            return result;
        }
    }

    /// <summary>The control: as many bodies as asked for wait for each other, and no more than one where one was asked for.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void So_many_threads_run_at_once(int threads)
    {
        using var all = new Barrier(threads);
        RowBlocks.Within(threads, () => RowBlocks.For(threads, 1, 0, (_, _) => Assert.True(all.SignalAndWait(TimeSpan.FromMinutes(2)))));
        var here = Environment.CurrentManagedThreadId;
        RowBlocks.Within(1, () => RowBlocks.For(9, 1, 0, (_, _) => Assert.Equal(here, Environment.CurrentManagedThreadId)));
    }

    private static Cholesky Factor() => Cholesky.Of([.. Matrix], N)!;

    private static float[] Floats(double[] values) => [.. values.Select(v => (float)v)];

    private static double[] Doubles(float[] values) => [.. values.Select(v => (double)v)];
}
