using OnnxMka.Running.Parts;
using OnnxMka.Running.Tokens;
using OnnxMka.Structure;

namespace OnnxMka.Tests;

/// <summary>The two ways to run, forced, on the CPU.</summary>
internal static class Runners
{
    public static Runner Whole(int batchSize) => Runner.Whole(new RunningOptions { BatchSize = batchSize });

    public static Runner ByParts(BlockMap map, CalibrationSet set, int batchSize) =>
        Runner.For(map, set, new RunningOptions { BatchSize = batchSize, Mode = RunMode.Chain });
}
