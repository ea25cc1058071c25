using OnnxMka.Alignment.Tests;

namespace OnnxMka.Alignment.Ilgpu.Tests;

/// <summary>ILGPU's CPU accelerator, compiled once: the contracts of the CPU kernels, on simulated GPU threads.</summary>
internal static class SimulatedDevice
{
    private static readonly Lazy<IlgpuScoringKernels> _kernels = new(IlgpuScoringKernels.Simulated);

    public static IlgpuScoringKernels Kernels => _kernels.Value;
}

public sealed class SimulatedScoringKernelsTests() : ScoringKernelsContract(SimulatedDevice.Kernels);

public sealed class SimulatedDiffusionOperatorTests() : DiffusionOperatorContract(SimulatedDevice.Kernels);

public sealed class SimulatedDiffusionMapTests() : DiffusionMapContract(SimulatedDevice.Kernels);

public sealed class SimulatedGoldenScoresTests() : GoldenScoresContract(SimulatedDevice.Kernels);
