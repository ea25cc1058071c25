namespace OnnxMka.Numerics;

/// <summary>Splits rows 0..n-1 into fixed blocks, whatever the number of threads, so that no sum depends on it.</summary>
internal static class RowBlocks
{
    /// <summary>Runs <paramref name="body"/>(first, end) for each block; alone on this thread when there is one block only.</summary>
    public static void For(int rows, int rowsPerBlock, int maxThreads, Action<int, int> body)
    {
        var blocks = (rows + rowsPerBlock - 1) / rowsPerBlock;
        if (blocks == 1 || maxThreads == 1)
        {
            for (var block = 0; block < blocks; block++)
                body(block * rowsPerBlock, Math.Min(rows, (block + 1) * rowsPerBlock));
            return;
        }

        Parallel.For(0, blocks, Threads(maxThreads), block => body(block * rowsPerBlock, Math.Min(rows, (block + 1) * rowsPerBlock)));
    }

    /// <summary>0 means as many threads as the machine has.</summary>
    public static ParallelOptions Threads(int maxThreads, CancellationToken cancellation = default) => new()
    {
        MaxDegreeOfParallelism = maxThreads == 0 ? Environment.ProcessorCount : maxThreads,
        CancellationToken = cancellation,
    };
}
