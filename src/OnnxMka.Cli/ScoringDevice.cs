using OnnxMka.Alignment;
using OnnxMka.Alignment.Ilgpu;

namespace OnnxMka.Cli;

/// <summary>Who scores: a CUDA GPU where the driver has one and <c>--ep</c> allows it; else the CPU.</summary>
internal static class ScoringDevice
{
    public static Func<Action<string>, IScoringKernels> For(string executionProvider, int deviceId) => note =>
    {
        if (executionProvider == "cpu") return new CpuScoringKernels();
        try
        {
            if (IlgpuScoringKernels.OnCuda(deviceId) is not { } gpu) return new CpuScoringKernels();
            note($"scoring on {gpu.Name}");
            return gpu;
        }
        catch (ScoringDeviceException e) when (executionProvider == "auto")
        {
            note($"scoring on the CPU ({e.Message})");
            return new CpuScoringKernels();
        }
    };
}
