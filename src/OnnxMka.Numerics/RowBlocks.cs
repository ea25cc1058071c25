namespace OnnxMka.Numerics;

/// <summary>Splits rows 0..n-1 into fixed blocks, whatever the number of threads, so that no sum depends on it.</summary>
internal static class RowBlocks
{
    /// <summary>What stands for "as many as the machine has" where a test says so; flows with the call, like a parameter.</summary>
    private static readonly AsyncLocal<int> Most = new();

    /// <summary>Runs <paramref name="body"/>(first, end) for each block; alone on this thread when there is one block only.</summary>
    public static void For(int rows, int rowsPerBlock, int maxThreads, Action<int, int> body)
    {
        var blocks = (rows + rowsPerBlock - 1) / rowsPerBlock;
        var options = Threads(maxThreads);
        if (blocks == 1 || options.MaxDegreeOfParallelism == 1)
        {
            for (var block = 0; block < blocks; block++)
                body(block * rowsPerBlock, Math.Min(rows, (block + 1) * rowsPerBlock));
            return;
        }

        Parallel.For(0, blocks, options, block => body(block * rowsPerBlock, Math.Min(rows, (block + 1) * rowsPerBlock)));
    }

    /// <summary>0 means as many threads as the machine has.</summary>
    public static ParallelOptions Threads(int maxThreads, CancellationToken cancellation = default) => new()
    {
        MaxDegreeOfParallelism = maxThreads > 0 ? maxThreads : Most.Value > 0 ? Most.Value : Environment.ProcessorCount,
        CancellationToken = cancellation,
    };

    /// <summary>Runs some work as a machine of so many processors would, to show that its bits are the same.</summary>
    public static void Within(int threads, Action work)
    {
        var before = Most.Value;
        Most.Value = threads;
        try
        {
            work();
        }
        finally
        {
            Most.Value = before;
        }
    }
}
