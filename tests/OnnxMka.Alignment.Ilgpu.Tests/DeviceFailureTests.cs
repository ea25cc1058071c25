using ILGPU.Runtime;
using ILGPU.Runtime.CPU;

namespace OnnxMka.Alignment.Ilgpu.Tests;

public sealed class DeviceFailureTests
{
    [Fact]
    public void AFailedDeviceIsNamedWithWhatToDo()
    {
        using var context = ILGPU.Context.Create(builder => builder.CPU(new CPUDevice(4, 16, 1)));
        using var accelerator = context.CreateCPUAccelerator(0);
        var kernels = new DeviceKernels(accelerator);
        var failure = Assert.Throws<ScoringDeviceException>(() => kernels.Run<int>(() => throw new OutOfDeviceMemory()));
        Assert.Equal(
            $"Scoring on {accelerator.Name} failed: out of memory. Use --ep cpu, fewer samples, or a device with more memory.",
            failure.Message);
        Assert.Equal(7, kernels.Run(() => 7)); // and the next one has its turn
    }

    private sealed class OutOfDeviceMemory() : AcceleratorException("out of memory")
    {
        public override AcceleratorType AcceleratorType => AcceleratorType.CPU;
    }
}
