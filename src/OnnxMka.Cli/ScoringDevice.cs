using OnnxMka.Alignment;
#if ILGPU
using OnnxMka.Alignment.Ilgpu;
#endif

namespace OnnxMka.Cli;

/// <summary>Who scores: a CUDA GPU where its kernels were built in (<c>-p:Ilgpu=true</c>), the driver has it and <c>--ep</c> allows it; else the CPU.</summary>
internal static class ScoringDevice
{
    public static Lazy<IScoringKernels> For(string executionProvider, int deviceId) => new(() => OnGpu(executionProvider, deviceId) ?? new CpuScoringKernels());

#if ILGPU
    private static IScoringKernels? OnGpu(string executionProvider, int deviceId) =>
        executionProvider == "cpu" ? null : IlgpuScoringKernels.OnCuda(deviceId);
#else
    private static IScoringKernels? OnGpu(string executionProvider, int deviceId) => null;
#endif
}
