using OnnxMka.Jobs;
using OnnxMka.Running.Parts;
using OnnxMka.Running.Sessions;
using OnnxMka.Running.Tokens;
using OnnxMka.Tests.Running.Parts;

namespace OnnxMka.Tests.Running.Sessions;

public sealed class RunPlanTests
{
    [Theory]
    [InlineData(64L << 30, null, RunMode.Whole)]
    [InlineData(64L << 20, null, RunMode.Chain)]
    [InlineData(64L << 20, 64L << 30, RunMode.Whole)] // what --memory says goes before what the device has
    public void On_a_GPU_the_model_has_to_fit_its_memory(long device, long? memory, RunMode mode)
    {
        var target = new ExecutionTarget("CUDA", 0, null) { DeviceMemory = device };
        var options = new RunningOptions { Target = target, Memory = memory };
        Assert.Equal(mode, RunPlan.For(Books16.Map, ChainSamples.Set, options).Mode);
    }

    [Fact]
    public void Fewer_samples_run_at_once_where_memory_is_short()
    {
        var set = new CalibrationSet([.. Enumerable.Range(0, 64).Select(_ => new int[128])], 128, "zeros", "");
        var options = new RunningOptions { BatchSize = 64 };
        long Parts(int batch) => MemoryEstimate.Of(Books16.Map, set, batch, ExecutionTarget.Cpu).ChainParts!.Value;
        Assert.Equal(64, RunPlan.For(Books16.Map, set, options with { Memory = Parts(64) }).Chain.BatchSize);
        Assert.Equal(16, RunPlan.For(Books16.Map, set, options with { Memory = Parts(16) }).Chain.BatchSize);
        Assert.Equal(8, RunPlan.For(Books16.Map, set, options with { Memory = Parts(16) - 1 }).Chain.BatchSize);
        Assert.Equal(1, RunPlan.For(Books16.Map, set, options with { Memory = 1 }).Chain.BatchSize);
    }
}
