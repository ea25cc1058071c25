using OnnxMka.Alignment;
using OnnxMka.Alignment.Ilgpu;
using OnnxMka.Outcomes;
using OnnxMka.Running.Sessions;

namespace OnnxMka.Cli;

/// <summary>
/// Who scores: a CUDA GPU where the driver has one and <c>--ep</c> allows it; else the CPU. <c>cuda</c> fails where it cannot be the GPU,
/// <c>auto</c> says so.
/// </summary>
internal static class ScoringDevice
{
    /// <param name="target">Where the model runs: where that is a GPU, there is one.</param>
    public static Func<Action<string>, IScoringKernels> For(string executionProvider, int deviceId, ExecutionTarget target) =>
        For(executionProvider, deviceId, target, () => IlgpuScoringKernels.OnCuda(deviceId));

    /// <param name="onCuda">Kernels on the GPU, asked once; null where the driver has none.</param>
    internal static Func<Action<string>, IScoringKernels> For(
        string executionProvider, int deviceId, ExecutionTarget target, Func<IScoringKernels?> onCuda)
    {
        if (executionProvider == "cpu") return _ => new CpuScoringKernels();
        var once = new Lazy<IScoringKernels?>(onCuda); // a second scoring takes no second share of the device
        var missing = $"scoring finds no GPU {deviceId}";
        return note =>
        {
            try
            {
                if (once.Value is { } gpu)
                {
                    note($"scoring on {gpu.Name}");
                    return gpu;
                }
            }
            catch (ScoringDeviceException e) when (executionProvider == "auto")
            {
                note($"scoring on the CPU ({e.Message})");
                return new CpuScoringKernels();
            }

            if (executionProvider == "cuda")
            {
                throw new ExecutionTargetException(
                    $"CUDA was asked for and is not usable: {missing}. Use --ep cpu, or --ep auto to fall back.");
            }

            // Where the model runs on the CPU too, the target's own note has said why.
            if (target.Name == "CUDA") note($"scoring on the CPU ({missing})");
            return new CpuScoringKernels();
        };
    }
}
