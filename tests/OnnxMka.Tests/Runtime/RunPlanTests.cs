using OnnxMka.Runtime;
using OnnxMka.Tests.Chain;

namespace OnnxMka.Tests.Runtime;

public sealed class RunPlanTests
{
    [Theory]
    [InlineData(64L << 30, null, RunMode.Whole)]
    [InlineData(64L << 20, null, RunMode.Chain)]
    [InlineData(64L << 20, 64L << 30, RunMode.Whole)] // what --memory says goes before what the device has
    public void On_a_GPU_the_model_has_to_fit_its_memory(long device, long? memory, RunMode mode)
    {
        var target = new ExecutionTarget("CUDA", 0, null) { DeviceMemory = device };
        var options = new CompressionOptions { Input = Books16.ModelPath, Target = target, Memory = memory };
        Assert.Equal(mode, RunPlan.For(Books16.Map, ChainSamples.Set, options).Mode);
    }
}
